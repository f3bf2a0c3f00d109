"""`urial chat`: a conversation with a base model through a prompt, in this process or on a server."""
