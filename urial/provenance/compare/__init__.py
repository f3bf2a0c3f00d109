"""Runs side by side: paired differences of their figures, and the inputs that explain them."""
