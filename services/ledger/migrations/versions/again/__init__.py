"""Additions for databases that had passed their place in the chain before they were made."""
