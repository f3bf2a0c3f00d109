"""A conversation with a base model in the terminal: what was said, in which words a model sees it, and its record."""
