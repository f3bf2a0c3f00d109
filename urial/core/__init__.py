"""What every room stands on: errors that say how to fix them, hashes, strict files, the row cache."""
