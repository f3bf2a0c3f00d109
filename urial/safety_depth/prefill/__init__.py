"""Going on with an answer that is begun."""
