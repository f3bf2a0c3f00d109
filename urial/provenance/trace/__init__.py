"""From one number, computed again, down to the rows, prompts, models, code and commit that made it."""
