"""The stage instructions: the micro-world's queries, published sets in their own formats, and tables of any columns."""
