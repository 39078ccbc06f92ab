"""A route: one operation of the API, and all that is said of it: how it is reached, who may call it, what it takes and
what it answers."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

from attrs import frozen

from ..schema.access.scopes import Scope
from ..schema.api.commands import Receipt, SessionCommand

Kind = Literal["json", "text", "metrics", "sse", "websocket"]
CONTENT_TYPES: Mapping[Kind, str] = MappingProxyType(
    {
        "json": "application/json",
        "text": "text/plain; charset=utf-8",
        "metrics": "text/plain; version=0.0.4; charset=utf-8",  # the text format of Prometheus
        "sse": "text/event-stream",
    }
)


@frozen(kw_only=True)
class Route:
    """``answer`` is the class of the body, None for no body; it may come with ``other_statuses`` too. ``problems`` are
    statuses of its own; every route may also answer those that come with what it takes: 401, 403, and with a body 413,
    415 and 422. ``command`` is the class of the command that the operation gives, made of its path and its body: such
    an operation takes an Idempotency-Key, and tells the turn of a prompt in a header.

    A token needs all of the ``scopes``. One that is ``limited`` to a session may call what names that session in its
    path, and what is said to be for it: such a handler tells it of its session only. Everything else is refused to it.
    A ``ticket`` will do where a browser can set no header. What is ``open`` needs no token, and has no scopes."""

    method: str
    path: str
    handler: Callable[..., Awaitable[Any]]
    tag: str
    summary: str
    success: str
    status: int = 200
    kind: Kind = "json"
    body: type | None = None
    query: type | None = None
    answer: type | None = None
    other_statuses: Mapping[int, str] = MappingProxyType({})
    problems: tuple[int, ...] = ()
    open: bool = False
    scopes: tuple[Scope, ...] = ("admin",)
    limited: bool = False
    ticket: bool = False
    command: type[SessionCommand] | None = None
    name: str = ""
    description: str = ""

    @property
    def operation_id(self) -> str:
        """``name``, or that of the handler."""
        return self.name or self.handler.__name__

    @property
    def keyed(self) -> bool:
        return self.command is not None

    @property
    def prompts(self) -> bool:
        return self.command is not None and self.command.result is Receipt

    def __attrs_post_init__(self) -> None:
        if self.open and self.scopes:
            raise ValueError(f"{self.path} is open, and needs the scope {self.scopes}")

    @property
    def of_session(self) -> bool:
        return "{session_id}" in self.path

    @property
    def rule(self) -> str:
        """The path as Werkzeug writes it."""
        return self.path.replace("{", "<").replace("}", ">")


def get(path: str, handler: Callable[..., Awaitable[Any]], **rest: Any) -> Route:
    return Route(method="GET", path=path, handler=handler, **rest)


def post(path: str, handler: Callable[..., Awaitable[Any]], **rest: Any) -> Route:
    return Route(method="POST", path=path, handler=handler, **rest)
