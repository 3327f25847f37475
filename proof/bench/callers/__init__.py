"""Callers other than bare gRPC ones: what puts a load on by REST, and through the Python client."""
