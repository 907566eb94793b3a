"""One experiment: its file, its rounds, its run folder."""
