"""The timeouts of one session: those that its creator set, and those in effect."""

from typing import Any

import attrs
from attrs import frozen

from .fields import OMIT, BadMember
from .settings import Settings

MAX_SECONDS = 31 * 86_400
"""The longest timeout: longer than any turn, and short enough for every clock. 0 means no timeout."""


def _seconds(doc: str) -> Any:
    return attrs.field(default=None, validator=_check, metadata={OMIT: True, "doc": doc})


def _check(_: Any, attribute: Any, value: float | None) -> None:
    if value is not None and not 0 <= value <= MAX_SECONDS:  # also refuses NaN, which compares false with everything
        raise BadMember(attribute.name, f"expected 0 (off) to {MAX_SECONDS} seconds; got {value}")


@frozen
class SessionTimeouts:
    """Seconds; 0 is off, and what is left out is the daemon's setting. An unknown member is refused: a timeout that is
    misspelt would never come. Raises :class:`ValueError`."""

    start_seconds: float | None = _seconds("time for the agent to finish its handshake")
    idle_seconds: float | None = _seconds("silence of the agent in a turn before it is ended")
    turn_seconds: float | None = _seconds("time for a turn before it is interrupted")
    suspend_after_seconds: float | None = _seconds("time without a turn before the agent is stopped until the next one")
    ask_seconds: float | None = _seconds("time before a permission or question is rejected unanswered")


@frozen
class Timeouts:
    """What holds for a session, in seconds; 0 is off. The clocks of ``idle`` and ``turn`` stand still while a human is
    asked."""

    start_seconds: float
    idle_seconds: float
    turn_seconds: float
    suspend_after_seconds: float
    ask_seconds: float

    @classmethod
    def of(cls, said: SessionTimeouts | None, settings: Settings) -> "Timeouts":
        """Where the session's creator set nothing, the daemon's setting counts, also after it was changed."""
        defaults = cls(
            settings.start_timeout,
            settings.idle_timeout,
            settings.turn_timeout,
            settings.suspend_after,
            settings.ask_timeout,
        )
        own = attrs.asdict(said) if said is not None else {}
        return attrs.evolve(defaults, **{name: value for name, value in own.items() if value is not None})
