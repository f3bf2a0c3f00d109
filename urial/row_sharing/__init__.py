"""The row cache as a whole: looked into, checked, shared in a group, and cut back."""
