"""Recording what was asked for, once."""
