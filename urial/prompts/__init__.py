"""What models are shown: `versions` for base models, `rubrics` for judges; `authoring` is how both are made."""
