"""The site of a run: pages, and the data that their scripts load when it is needed."""
