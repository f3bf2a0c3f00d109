"""The row cache looked after, and its rows given to others."""
