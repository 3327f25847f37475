"""``python -m services.delivery.worker high|low``: one Celery worker process for one lane."""

from __future__ import annotations

import sys

from services.delivery.worker.worker import main

if __name__ == "__main__":
    sys.exit(main())
