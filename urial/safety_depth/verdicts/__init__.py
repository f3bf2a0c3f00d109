"""What is said of answers that were begun: by rule, and by a judge."""
