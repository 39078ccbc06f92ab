"""Retention: which old sessions and which old events are let go, by age, by number and by bytes. Every rule is here.

Ended sessions are deleted whole, by the registry (:func:`to_forget`). Of living ones only the oldest events go, when
they have more on disk than they may, one by one or together (:mod:`.size_retention`).
"""

from collections.abc import Sequence

from attrs import frozen

from ...schema.settings import Settings

TRIM_SHARE = 10
"""The part of a bound that is freed with it, see :func:`trimmed`."""

NEARLY = 0.8
"""The part of the bound of all sessions from which their size is told as trouble."""


@frozen
class EndedSession:
    """``age`` is in seconds since it ended, ``updated_ms`` when that was; ``bytes`` is what its events take."""

    session_id: str
    age: float
    updated_ms: int
    bytes: int


def to_forget(ended: Sequence[EndedSession], settings: Settings) -> list[str]:
    """Those that are too old, and of the others those that are too many or too large together, oldest first. Oldest by
    their end: one that lived for weeks has readers who have not heard of it yet."""
    oldest = settings.ended_age or float("inf")
    aged = [session.session_id for session in ended if session.age > oldest]
    kept = sorted((session for session in ended if session.age <= oldest), key=lambda session: session.updated_ms)
    size = sum(session.bytes for session in kept)
    surplus: list[str] = []
    for count, session in zip(range(len(kept), 0, -1), kept, strict=True):
        if count <= settings.ended_sessions_kept and size <= settings.ended_bytes_kept:
            break
        size -= session.bytes
        surplus.append(session.session_id)
    return [*aged, *surplus]


def trimmed(bound: int) -> int:
    """What is too large is cut to a part less than its bound, so that it is not done with every write."""
    return bound - bound // TRIM_SHARE


def level(sizes: Sequence[int], most: int) -> int:
    """The size to which the larger ones must be cut so that all together have ``most``: who has little keeps it."""
    left = most
    ascending = sorted(sizes)
    for count, size in zip(range(len(ascending), 0, -1), ascending, strict=True):
        if size * count > left:
            return max(left, 0) // count
        left -= size
    return most


def nearly_full(living: int, settings: Settings) -> bool:
    """Whether an operator should hear what the events of all living sessions take."""
    return bool(settings.sessions_bytes) and living >= NEARLY * settings.sessions_bytes


def size_of_one(settings: Settings) -> int:
    """Bytes to which the events of one session are cut that has more than it may."""
    return trimmed(settings.session_bytes)


def size_of_each(sizes: Sequence[int], settings: Settings) -> int:
    """Bytes to which the events of the larger sessions are cut when all have more than they may together."""
    return level(sizes, trimmed(settings.sessions_bytes))
