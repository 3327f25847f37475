"""Any channel by a program of your own."""
