"""What a client says over ``…/ws``, and the answers. The daemon's other frames are events and ``stream.resync``."""

from typing import Any, Literal

from attrs import field, frozen

from ..fields import optional


@frozen
class WebSocketCommand:
    """Beside the members of a command. ``id`` is the client's own name for it, and its key: a repeated one gets the
    first answer again and does nothing."""

    id: str


@frozen
class WebSocketAuth:
    """The first frame of a client that can set no Authorization header. A browser can not."""

    type: Literal["auth"] = field(default="auth", init=False)
    token: str = field(repr=False)
    id: str | None = None


@frozen
class WebSocketAck:
    """``result`` is the body that the same request over HTTP would answer, and for a message its turn."""

    type: Literal["ack"] = field(default="ack", init=False)
    id: str | None
    result: Any = optional()


@frozen
class WebSocketError:
    """``problem`` is the body of the same failure over HTTP; ``id`` is null when none could be read."""

    type: Literal["error"] = field(default="error", init=False)
    id: str | None
    problem: Any
