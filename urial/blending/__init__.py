"""Decoding one answer with two or three models."""
