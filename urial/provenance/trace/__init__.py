"""Which rows, prompts, models and code made one number."""
