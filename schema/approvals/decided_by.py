"""Who decided a permission or a question. Every event that resolves one says so."""

from collections.abc import Mapping
from typing import Literal

from attrs import frozen

from ..fields import optional

DecidedByKind = Literal[
    "token",
    "no_token",
    "local",
    "rule",
    "mode",
    "timeout",
    "agent",
    "agent_exit",
    "session_end",
    "restart",
    "shutdown",
    "daemon",
]
Transport = Literal["http", "websocket"]


@frozen
class DecidedBy:
    """``kind`` says who it was:

    * ``token``: a client with the token named ``token``, whose scope is ``scope``; ``no_token``: a client of a daemon
      that demands none; ``local``: a caller inside the daemon's own process.
    * ``rule``: an earlier `always`, the rule ``rule``; ``mode``: the session's permission mode.
    * ``timeout``: nobody, in time; ``agent``: it no longer waits; ``agent_exit``: its process ended; ``session_end``,
      ``restart``, ``shutdown``: of the session, of the session or daemon, of the daemon.
    * ``daemon``: refused unseen, because it could not be shown or told apart.

    ``transport`` is how a client said it. ``reason`` is more in words, where there is more to tell.
    """

    kind: DecidedByKind
    token: str | None = optional()
    scope: str | None = optional()
    transport: Transport | None = optional()
    rule: str | None = optional()
    reason: str | None = optional()


LOCAL = DecidedBy("local")

_BY_CAUSE: Mapping[str, DecidedByKind] = {
    "withdrawn": "agent",
    "session ended": "session_end",
    "restart": "restart",
    "shutdown": "shutdown",
    "timeout": "timeout",
}


def because_of(cause: str) -> DecidedBy:
    """The decision when nobody decided: ``cause`` is why the approval was closed. A cause that is no kind above is the
    end of the agent's process, and is told in words."""
    kind = _BY_CAUSE.get(cause)
    return DecidedBy(kind) if kind is not None else DecidedBy("agent_exit", reason=cause)
