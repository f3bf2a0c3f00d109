"""What in a prompt works: the variants of one prompt side by side, each against the full prompt, and samples of one."""
