"""What a judge is asked about two answers."""
