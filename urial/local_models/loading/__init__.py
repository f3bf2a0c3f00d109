"""Where a model's files are, its tokenizer and its weights."""
