"""What a judge is asked, and the JSON Schema that its reply must have."""
