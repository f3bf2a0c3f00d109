"""Files from others and for others: published answers and scores come in, rows of the cache go out and in."""
