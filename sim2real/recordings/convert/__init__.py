"""Converters from published files to the data folder: the only other place that may load torch, inside a function."""
