"""Envoy on a laptop."""
