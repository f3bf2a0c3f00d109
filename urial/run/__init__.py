"""A run as a folder: where its files are, what its lock records of them, and which commit it is."""
