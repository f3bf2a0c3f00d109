"""The stage generate: one system's answers, from a model in this process or on a server.

Rows that the row cache has are not computed again, so a killed stage resumes where it was.
"""
