"""Gathering: what a program sends while a call is under way goes together in the next."""
