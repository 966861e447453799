"""Zips of pictures, read where they are. The command line and the front end share it; it needs nothing of either."""
