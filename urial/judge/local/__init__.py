"""A judge in this process: its reply is held to the rubric's schema, or its score is read off the logits."""
