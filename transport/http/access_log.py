"""The access log: one line per request, without headers, tokens and the values of a query.

What a client can make it write is bounded: a path is cut, and each address has a number of lines in ten seconds. The
number of lines that were left out is logged.
"""

import sys
from typing import Any

import structlog
import trio

from .failures import log_failure
from .hypercorn_internals import Config, Logger
from .line_budget import WINDOW, LineBudget
from .paths import session_of

MAX_PATH = 1024
"""Most characters of a logged path. An id may take 768 of them."""

LOGGED = "sandbox_agent.logged"
"""A key of a request's ASGI scope."""


class ServerConfig(Config):
    """Hypercorn's config, with what our own logger needs."""

    base_path: str = ""
    access_log_lines: int = 0


class AccessLog(Logger):
    """Hypercorn's logger, with structlog. A status of None means that the client left before its answer began.

    Hypercorn reports some requests twice: at the end of their answer, and when the connection closes meanwhile. A
    client that has all of a short answer closes the connection before the send of its end has returned. Only one line
    is written.
    """

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        ours = config if isinstance(config, ServerConfig) else ServerConfig()
        self._base_path = ours.base_path
        self._budget = LineBudget(ours.access_log_lines)
        self._left_out = trio.Event()
        self._log = structlog.get_logger("sandbox_agent.transport")

    async def run(self) -> None:
        """Logs how many lines were left out, while it runs."""
        while True:
            await self._left_out.wait()
            self._left_out = trio.Event()
            await trio.sleep(WINDOW)
            self.tell_left_out()

    def tell_left_out(self) -> None:
        for address, count in self._budget.report():
            self._log.warning("requests not logged", requests=count, address=address)

    def _may_log(self, client: Any) -> bool:
        if self._budget.take(client[0] if client else "", trio.current_time()):
            return True
        self._left_out.set()
        return False

    async def access(self, request: Any, response: Any, request_time: float) -> None:
        if request.get(LOGGED):
            return
        request[LOGGED] = True
        if not self._may_log(request.get("client")):
            return
        raw_path = request["raw_path"]
        session_id = session_of(raw_path, self._base_path)
        self._log.info(
            "request",
            method=request.get("method", "WEBSOCKET"),
            path=cut(raw_path.decode("ascii", "replace")),
            status=response["status"] if response else None,
            seconds=round(request_time, 4),
            **({} if session_id is None else {"session_id": session_id}),
        )

    async def refused(self, status: int, client: Any = None) -> None:
        """Log input that was no request."""
        if self._may_log(client):
            self._log.info("request", method=None, path=None, status=status, seconds=0.0)

    async def exception(self, message: str, *args: Any, **kwargs: Any) -> None:
        error = sys.exception()
        if error is not None:
            log_failure("connection.failed", error, message=message)


def cut(path: str) -> str:
    return path if len(path) <= MAX_PATH else f"{path[:MAX_PATH]}… ({len(path)} in all)"
