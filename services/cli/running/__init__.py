"""Commands that run Pulse itself."""
