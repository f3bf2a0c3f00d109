"""Prompts: versions on file, dialects, rendering, import of published text, and retrieval of examples."""
