"""From a prompt version and an instruction to the exact text that a model sees.

This is all that the stage assemble runs: dialects, rendering, and examples retrieved from a pool.
"""
