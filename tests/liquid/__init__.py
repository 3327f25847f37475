"""What templates say, refuse and may do."""
