"""The stage generate: one system's answers."""
