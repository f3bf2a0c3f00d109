"""What every room stands on: errors, hashes, strict files, the row cache."""
