"""The same measured on servers that return log-probabilities of a prompt: ranks are exact, divergences are bounds."""
