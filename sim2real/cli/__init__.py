"""The command line: parse, call, print, exit code. Everything else is in the library."""

from sim2real.cli.app import main

__all__ = ["main"]
