"""What evaluation harnesses log of every sample: Inspect, lm-evaluation-harness and HELM."""
