"""Providers: one file for each company or protocol that takes notifications over."""
