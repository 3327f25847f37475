"""Pulse, service by service; `python -m services` is the `pulse` command."""
