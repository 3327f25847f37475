"""Connections to PostgreSQL, its clock, its tables, and rows as values."""
