"""Scripts that ship in a bundle and run without this package: NumPy is all they import."""
