"""How far alignment moved the token distribution at every position of an aligned answer (paper, section 2)."""
