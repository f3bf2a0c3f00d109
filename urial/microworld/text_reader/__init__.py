"""Reads what a text says of the world."""
