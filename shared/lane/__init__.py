"""Lanes: how urgently a notification travels, and what says so."""
