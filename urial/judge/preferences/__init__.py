"""Preferences: which of two answers to one instruction a judge finds better, in each order of showing them."""
