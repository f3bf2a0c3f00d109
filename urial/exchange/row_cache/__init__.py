"""The row cache in the hands of its owner: counted, checked, cut back, and shared with a group as files."""
