"""``python -m proof.bench.smtp_loop PORT COUNT KIND``: the floor of deliveries by email; writes emails a second.

KIND is one of ``asks.KINDS``. The message is ready before the clock starts.
"""

from __future__ import annotations

import smtplib
import sys
from email.message import EmailMessage

from proof.bench.asks import BODY, KINDS
from proof.bench.loops import Send, rate
from services.delivery.config import DeliverySettings

SENDER = "pulse@localhost"


def main() -> None:
    """As many threads, each with a connection, as the worker has by default."""
    port, count = map(int, sys.argv[1:3])
    message = ready(KINDS[sys.argv[3]].html_body)
    connections = min(count, int(DeliverySettings.model_fields["smtp_connections"].default))
    clients = [smtplib.SMTP("127.0.0.1", port) for _ in range(connections)]
    for client in clients:
        client.ehlo()
    reached = rate([sender(client, message) for client in clients], count)
    for client in clients:
        client.quit()
    sys.stdout.write(f"{reached}\n")


def sender(client: smtplib.SMTP, message: bytes) -> Send:
    """Sends the same message to another address each time."""

    def send(number: int) -> None:
        client.sendmail(SENDER, [f"floor.{number}@example.com"], message)

    return send


def ready(html: str) -> bytes:
    """An email as it goes out, with HTML beside its text if there is any."""
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = SENDER, "floor@example.com", "Hello Ann"
    message.set_content(BODY)
    if html:
        message.add_alternative(html, subtype="html")
    return message.as_bytes()


if __name__ == "__main__":
    main()
