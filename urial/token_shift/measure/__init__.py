"""The stage token_shift: both models read an aligned answer once, and are compared at each of its positions.

Logits over the full vocabulary exist for a block of positions at a time, and are never kept.
"""
