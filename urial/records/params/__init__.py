"""All of params.yaml, one module a section; every field says what it means."""
