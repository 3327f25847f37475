"""``python -m proof.bench.http_loop PORT COUNT``: the floor of deliveries by FCM; writes pushes a second.

The push is ready before the clock starts, and so is the access token.
"""

from __future__ import annotations

import base64
import http.client
import json
import sys
import time
from urllib.parse import urlencode

from proof.bench.asks import BODY
from proof.bench.loops import Send, rate
from services.delivery.config import DeliverySettings

PATH = "/v1/projects/floor/messages:send"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def main() -> None:
    """As many threads, each with a connection, as the worker has by default."""
    port, count = map(int, sys.argv[1:])
    connections = min(count, int(DeliverySettings.model_fields["fcm_connections"].default))
    clients = [http.client.HTTPConnection("127.0.0.1", port) for _ in range(connections)]
    for client in clients:
        client.connect()
    headers = {"Authorization": f"Bearer {access_token(clients[0])}", "Content-Type": "application/json"}
    sys.stdout.write(f"{rate([sender(client, headers) for client in clients], count)}\n")


def sender(client: http.client.HTTPConnection, headers: dict[str, str]) -> Send:
    """Sends the same push each time."""
    push = {"token": "floor", "notification": {"title": "Hello Ann", "body": BODY}, "data": {"notification_id": "0"}}
    body = json.dumps({"message": push}).encode()

    def send(_: int) -> None:
        status, answer = _post(client, PATH, body, headers)
        if status != http.client.OK:
            raise SystemExit(f"the sandbox answers {status}: {answer!r}")

    return send


def access_token(client: http.client.HTTPConnection) -> str:
    """One of the sandbox's, which does not check who signed what it is asked with."""
    claims = base64.urlsafe_b64encode(json.dumps({"iss": "floor", "exp": int(time.time()) + 3600}).encode())
    form = urlencode({"grant_type": GRANT, "assertion": f"head.{claims.decode().rstrip('=')}.signature"})
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    _, answer = _post(client, "/token", form.encode(), headers)
    return str(json.loads(answer)["access_token"])


def _post(client: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    client.request("POST", path, body, headers)
    answer = client.getresponse()
    return answer.status, answer.read()


if __name__ == "__main__":
    main()
