"""The feed's rules: which events are told, and in which order."""
