"""The generated world: its facts, the phrases that state them, and the queries about them."""
