"""The stage models: trains the embedded pair, or writes which weights the named models have."""
