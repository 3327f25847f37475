"""The control: a plain Celery sender under the same load, faults and checker. It must be caught losing."""
