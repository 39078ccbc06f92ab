"""Asking a daemon how it is. Without httpx, which takes longer to import than this takes to ask."""

import http.client
import json
import socket
import ssl
from typing import Any, cast

from ..endpoint import Endpoint

TIMEOUT = 5.0
"""Seconds for the answer."""


def problems(url: str) -> list[str] | None:
    """What is wrong; empty when all is well, None when it does not answer as a daemon does."""
    endpoint = Endpoint.parse(url)
    asking = _connection(endpoint)
    try:
        asking.request("GET", f"{endpoint.path}/v1/health")
        body: Any = json.loads(asking.getresponse().read(1 << 20))  # a 503 has the same body
    except (OSError, http.client.HTTPException, ValueError, RecursionError):
        return None
    finally:
        asking.close()
    if not isinstance(body, dict) or "status" not in body:
        return None
    told = cast("dict[str, Any]", body)
    return [str(problem) for problem in told.get("problems") or ()]


def _connection(endpoint: Endpoint) -> http.client.HTTPConnection:
    if endpoint.socket is not None:
        return _UnixConnection(endpoint.socket)
    if endpoint.scheme == "http":
        return http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=TIMEOUT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # nothing is sent that is secret
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(endpoint.host, endpoint.port, timeout=TIMEOUT, context=context)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
