"""A history: what clients sent and received while a daemon was killed and started again, and the state at the end.

It is plain data. :func:`.checker.violations` says which promises it breaks. Promises are named by their number in
docs/guarantees.md.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from attrs import field, frozen

Event = dict[str, Any]
FEED = ""
"""The name of the stream of all sessions, in place of a session's id."""


@frozen
class Attempt:
    """One sending of a command. ``status`` is None when no answer came: the daemon was killed, or the client left."""

    status: int | None
    body: bytes = b""

    @property
    def acknowledged(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def final(self) -> bool:
        """False for 429, 503 and internal errors: the next attempt may have another answer."""
        if self.status is None or self.status == 503:
            return False
        return self.status < 500 or not json.loads(self.body)["type"].endswith(":internal_error")

    def __str__(self) -> str:
        return "no answer" if self.status is None else f"{self.status} {self.body.decode(errors='replace')}".strip()


@frozen
class Command:
    """One command under one key, with all its attempts. ``about`` is the prompt of a message, or the id of the approval
    that a reply is for; ``reply`` is once, always, reject, or answer."""

    session: str
    kind: str
    key: str | None
    attempts: Sequence[Attempt]
    about: str = ""
    reply: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.key} of {self.session}"

    @property
    def acknowledgement(self) -> Attempt | None:
        """The first one."""
        return next((attempt for attempt in self.attempts if attempt.acknowledged), None)

    @property
    def refused(self) -> bool:
        """Every answer was a refusal. An internal error is neither success nor refusal."""
        return all(attempt.status is not None and 400 <= attempt.status < 500 for attempt in self.attempts)

    @property
    def turn_id(self) -> str | None:
        """The turn that the acknowledgement of a message names. Over HTTP it names none."""
        answer = self.acknowledgement
        return json.loads(answer.body).get("turnId") if answer is not None and answer.body else None


@frozen
class Frame:
    """One event as it came: its position in the log that was streamed, and its bytes."""

    position: int
    data: bytes

    @cached_property
    def event(self) -> Event:
        return json.loads(self.data)


@frozen
class Resync:
    reason: str
    resumed_after: int


@frozen
class Stream:
    """What one connection received, in order. ``asked`` is the position after which it was to start, and ``asked_log``
    the log of that cursor, None when it was a bare number. ``log_id`` is the log that answered.

    Clients ask for a position that was seen by somebody, or for one far beyond what the log will ever hold.
    """

    session: str
    via: str
    log_id: str | None
    asked: int
    asked_log: str | None
    frames: Sequence[Frame | Resync]

    def __str__(self) -> str:
        return f"{self.via} stream of {self.session or 'all sessions'} from {self.asked_log or ''}:{self.asked}"

    @property
    def events(self) -> Iterator[Frame]:
        return (frame for frame in self.frames if isinstance(frame, Frame))


@frozen
class Kept:
    """A log at the very end, as the API gives it: all events that it still has. ``last`` is its last position, also
    when the event there was deleted."""

    session: str
    log_id: str
    frames: Sequence[Frame]
    first: int = 1
    last: int = field()

    @last.default
    def _last(self) -> int:
        return self.frames[-1].position if self.frames else self.first - 1

    @cached_property
    def by_position(self) -> Mapping[int, Frame]:
        return {frame.position: frame for frame in self.frames}

    @property
    def events(self) -> Sequence[Event]:
        return [frame.event for frame in self.frames]


@frozen
class History:
    """``effects`` counts what the agents really did, by prompt; ``survivors`` describes the processes that should have
    ended."""

    commands: Sequence[Command] = ()
    streams: Sequence[Stream] = ()
    logs: Sequence[Kept] = ()
    feed: Kept | None = None
    effects: Mapping[str, int] = field(factory=dict[str, int])
    survivors: Sequence[str] = ()

    def log_of(self, session: str) -> Kept | None:
        return next((log for log in self.logs if log.session == session), None)

    @cached_property
    def deleted(self) -> frozenset[str]:
        """Sessions that a client deleted: events that were seen of them need not exist any more."""
        return frozenset(command.session for command in self.commands if command.kind == "delete")
