"""From a name in params.yaml to a tokenizer and weights that are those of the manifest."""
