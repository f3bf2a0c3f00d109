"""Instruction sets: the embedded one, published ones in their own formats, and tables of any columns."""
