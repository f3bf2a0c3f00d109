"""All of params.yaml; every field says what it means."""
