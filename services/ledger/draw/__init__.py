"""Which of those that wait are next."""
