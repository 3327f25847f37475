"""Subscriptions' part of the ledger's services."""
