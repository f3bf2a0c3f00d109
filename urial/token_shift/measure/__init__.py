"""The stage token_shift: where the base model ranks an aligned model's tokens."""
