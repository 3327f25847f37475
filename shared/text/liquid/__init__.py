"""Liquid as tenants may use it: python-liquid's parser and tags, with filters of our own and bounds on all work."""
