"""Rooms of chat services, registered under names."""
