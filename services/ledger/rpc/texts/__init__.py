"""Templates and fragments on the wire."""
