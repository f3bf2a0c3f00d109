"""Judgments of several systems side by side, and of several judges: figures, paired differences, agreement."""
