"""Celery workers that claim, render, call a provider and settle; provider health and receipts."""
