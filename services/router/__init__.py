"""Admission (limits, lane, route) and dispatch (feeding Celery from the ledger)."""
