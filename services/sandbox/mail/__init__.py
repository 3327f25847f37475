"""A mail server, and letters."""
