"""What all judges that are language models share: a question, a reply, and a verdict or the reason for none."""
