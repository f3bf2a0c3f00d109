"""What a judge is asked."""
