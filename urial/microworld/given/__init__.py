"""Texts that the micro-world gives as answers to its unsafe requests, for systems to go on with and models to be measured on."""
