"""Layouts and pieces that templates take in."""
