"""All of params.yaml, one module a section."""
