"""The paths, names and metrics of the original Pulse."""
