"""Cursors: where a reader stands in a log.

An SSE ``id:`` is ``<log id>:<sequence>``. The log id is random and new for each log. So a cursor of an earlier session
with the same session id is noticed, instead of silently skipping events. (Another project restarted its ids at 1; a
client with an old Last-Event-ID then lost 50 events.)
"""

from typing import Literal

from attrs import frozen

from .problems import invalid_request

DIGITS = 18
"""Most digits of a cursor's number: far more than a log can have, and within 64 bits."""

ResyncReason = Literal["foreign", "future", "expired"]


@frozen
class Cursor:
    """The last event that the reader has; ``log_id`` is None when it named only a number (``offset``)."""

    sequence: int
    log_id: str | None = None

    def __str__(self) -> str:
        return f"{self.log_id}:{self.sequence}" if self.log_id else str(self.sequence)

    @classmethod
    def parse(cls, text: str, name: str) -> "Cursor":
        """``name`` is the parameter or header that the text came from, for the error."""
        log_id, colon, number = text.strip().rpartition(":")
        if not (number.isascii() and number.isdigit()) or len(number) > DIGITS or (colon and not log_id):
            raise invalid_request(f"{name} must be a number or an SSE id of the form <log>:<sequence>; got {text!r}")
        return cls(int(number), log_id or None)

    def resync(self, log_id: str, gone: int, last: int) -> ResyncReason | None:
        """Why this cursor cannot be continued in a log that ends with ``last`` and no longer keeps ``gone``; None when
        it can."""
        if self.log_id is not None and self.log_id != log_id:
            return "foreign"
        if self.sequence > last:
            return "future"
        if self.sequence < gone:
            return "expired"
        return None


@frozen
class StreamResync:
    """The frame that tells a reader that its cursor does not continue here. It stands in the stream like an event;
    what follows starts after ``resumed_after``, and what the reader built from older events must be thrown away."""

    type: str
    reason: ResyncReason
    requested: str
    log_id: str
    first: int
    last: int
    resumed_after: int
