"""A judge on a server: what form of reply the server obeys is found out first, and each reply is kept as it comes."""
