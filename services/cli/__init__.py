"""The commands of `pulse`."""
