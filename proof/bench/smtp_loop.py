"""``python -m proof.bench.smtp_loop PORT COUNT``: the floor of every delivery by email; writes emails a second."""

from __future__ import annotations

import smtplib
import sys
import threading
import time
from collections.abc import Iterator

from proof.bench.asks import BODY
from services.delivery.config import DeliverySettings

SENDER = "pulse@localhost"


def main() -> None:
    """As many threads, each with a connection, as the worker has by default."""
    port, count = map(int, sys.argv[1:])
    connections = min(count, int(DeliverySettings.model_fields["smtp_connections"].default))
    waiting = iter(range(count))
    lock = threading.Lock()
    clients = [smtplib.SMTP("127.0.0.1", port) for _ in range(connections)]
    for client in clients:
        client.ehlo()
    threads = [threading.Thread(target=_send, args=(client, waiting, lock)) for client in clients]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(f"{count / (time.perf_counter() - began)}\n")


def _send(client: smtplib.SMTP, waiting: Iterator[int], lock: threading.Lock) -> None:
    while True:
        with lock:
            number = next(waiting, None)
        if number is None:
            client.quit()
            return
        to = f"floor.{number}@example.com"
        email = f"From: {SENDER}\r\nTo: {to}\r\nSubject: Hello Ann\r\n\r\n{BODY}"
        client.sendmail(SENDER, [to], email)


if __name__ == "__main__":
    main()
