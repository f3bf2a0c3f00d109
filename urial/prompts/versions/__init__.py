"""Prompt versions, rendered and assembled: what the stage assemble runs."""
