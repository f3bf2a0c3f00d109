"""The judge that knows the micro-world."""
