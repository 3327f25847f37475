#!/opt/pulse/bin/python
"""Ends with status 0 if the gRPC server at ``host:port`` says SERVING, for health checks inside the image.

Usage: grpc-health HOST:PORT
"""

from __future__ import annotations

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

#: Longest wait for the answer, seconds; below the time-out of the health check that runs this.
ANSWER_S = 3.0


def main(arguments: list[str]) -> int:
    """0 serving, 1 not serving or not there, 2 wrong usage."""
    if len(arguments) != 1:
        sys.stderr.write("usage: grpc-health HOST:PORT\n")
        return 2
    with grpc.insecure_channel(arguments[0], [("grpc.enable_http_proxy", 0)]) as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=ANSWER_S)
        except grpc.RpcError as error:
            sys.stderr.write(f"{arguments[0]}: {error.code().name}\n")
            return 1
    return 0 if answer.status == health_pb2.HealthCheckResponse.SERVING else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
