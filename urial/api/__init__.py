"""The client for servers that speak OpenAI's protocol: limits, retries, and errors without secrets."""
