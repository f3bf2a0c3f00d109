"""The generated world: its facts, its phrases, its queries."""
