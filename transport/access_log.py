"""The access log: one line per request. Never a header, a token or a query's values."""

import sys
from typing import Any

import structlog
from hypercorn.config import Config
from hypercorn.logging import Logger

from .failures import log_failure
from .paths import session_of

LOGGED = "sandbox_agent.logged"
"""A key of a request's ASGI scope."""


class ServerConfig(Config):
    """Hypercorn's, with what our own logger needs."""

    base_path: str = ""


class AccessLog(Logger):
    """Hypercorn's logger, speaking structlog. A status of None is a client that left before its answer began.

    Hypercorn tells of some requests twice: at the end of their answer, and when the connection closes meanwhile. A
    client that has all of a short answer hangs up before the send of its end has returned. One line is written.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._base_path = config.base_path if isinstance(config, ServerConfig) else ""
        self._log = structlog.get_logger("sandbox_agent.transport")

    async def access(self, request: Any, response: Any, request_time: float) -> None:
        if request.get(LOGGED):
            return
        request[LOGGED] = True
        raw_path = request["raw_path"]
        session_id = session_of(raw_path, self._base_path)
        self._log.info(
            "request",
            method=request.get("method", "WEBSOCKET"),
            path=raw_path.decode("ascii", "replace"),
            status=response["status"] if response else None,
            seconds=round(request_time, 4),
            **({} if session_id is None else {"session_id": session_id}),
        )

    async def refused(self, status: int) -> None:
        """What came was no request."""
        self._log.info("request", method=None, path=None, status=status, seconds=0.0)

    async def exception(self, message: str, *args: Any, **kwargs: Any) -> None:
        error = sys.exception()
        if error is not None:
            log_failure("connection.failed", error, message=message)
