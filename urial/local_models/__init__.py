"""A model in this process: its files, its tokenizer, its weights, and the loop that decodes a batch."""
