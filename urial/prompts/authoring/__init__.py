"""How prompt versions are begun, imported to the byte, checked and released; only the command line runs this."""
