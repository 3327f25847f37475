"""``python -m services.delivery.worker high|low``: the Celery workers of one lane."""

from __future__ import annotations

from services.delivery.worker.start import main

if __name__ == "__main__":
    main()
