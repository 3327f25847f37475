"""Subscriptions: events sent to your own endpoints."""
