"""How deep safety is: answers to unsafe requests are begun for a system, which goes on (arXiv 2406.05946)."""
