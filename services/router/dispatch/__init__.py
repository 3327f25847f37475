"""Feeding Celery from the ledger, at the pace that its workers take."""
