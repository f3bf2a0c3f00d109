"""The gate: params.yaml is checked and every name in it resolved, before a model is loaded or money is spent.

What it resolves goes into a file a stage, so that a change of one system runs that system again and no other.
"""
