"""A system's answers turned into judgments, one by one, whoever the judge is."""
