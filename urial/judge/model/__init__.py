"""What every judge that is a language model shares."""
