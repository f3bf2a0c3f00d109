"""What a text claims about the world, read by rules. The rules judge and the labels of tokens stand on it."""
