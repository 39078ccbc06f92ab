"""Call: one request that was checked against its route, and all that a handler needs to answer it."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from attrs import frozen

from ..actors.daemon import Daemon
from .readers import Readers
from .socket_commands import SocketCommands


@frozen
class Call:
    """``query`` and ``body`` are of the classes that the route names; ``ids`` are the path parameters, decoded."""

    daemon: Daemon
    readers: Readers
    commands: SocketCommands
    ids: Mapping[str, str]
    query: Any = None
    body: Any = None
    last_event_id: str | None = None
    openapi: bytes = b"{}"

    @property
    def session_id(self) -> str:
        return self.ids["session_id"]


@frozen
class WithStatus:
    """An answer with one of the route's ``other_statuses``."""

    body: Any
    status: int


@frozen
class Stream:
    """An answer that is sent chunk by chunk."""

    chunks: AsyncGenerator[bytes]
