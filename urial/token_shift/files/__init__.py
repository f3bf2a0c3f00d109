"""The measurement of answers from anywhere, and several measurements in one table."""
