"""Files of other tools made into this project's records: judgments, completions and instructions."""
