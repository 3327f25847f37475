"""``celery -A proof.chaos.control.sender``: a notification service as it is often written.

The task carries everything, the broker is the only place that knows of it, the worker acknowledges a task before its
work, and Celery's retry answers errors. Nothing is written down before it is sent.
"""

from __future__ import annotations

import httpx
from celery import Celery, Task

from proof.chaos.control.settings import ControlSettings

SETTINGS = ControlSettings.load()

app = Celery("control", broker=SETTINGS.broker_url.get_secret_value())
app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)


@app.task(bind=True, max_retries=5, default_retry_delay=0.5)
def send(task: Task, notification_id: str, to: str, body: str) -> None:
    """Sends one SMS."""
    form = {"To": to, "From": "+15005550006", "Body": body, "PulseNotificationId": notification_id}
    url = f"{SETTINGS.test_provider_url}/2010-04-01/Accounts/AC0/Messages.json"
    try:
        httpx.post(url, data=form, auth=("AC0", "development"), timeout=5).raise_for_status()
    except httpx.HTTPError as error:
        raise task.retry(exc=error) from error
