"""The stage models: the pair trained here, or manifests of the models named."""
