"""How a batch of prompts is answered token by token: the shared beginning once, then all rows together."""
