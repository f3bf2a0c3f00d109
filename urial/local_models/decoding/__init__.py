"""How a batch of prompts is answered token by token."""
