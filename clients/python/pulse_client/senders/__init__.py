"""Senders: who notifications come from."""
