"""Numbers from rows: means with bootstrap intervals, paired differences, permutation tests."""
