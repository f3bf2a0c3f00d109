"""A run written in formats that other tools open."""
