"""A run as a folder: its files, its lock, its commit."""
