"""The channels, by which recipients are reached."""
