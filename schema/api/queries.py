"""Query parameters of the API (wire 0.1, section 2). The camelCase names are accepted as well."""

from typing import Any

import attrs
from attrs import frozen

from ..cursor import Cursor

_RAW = "Include the agent's own words in each event's `raw`."
_CURSOR = "Start after this position: an event's sequence, or an SSE id. The header Last-Event-ID goes before it."


def _parameter(doc: str) -> Any:
    return attrs.field(default=None, metadata={"doc": doc})


@frozen
class EventsQuery:
    """A page of a session's events. ``offset`` is exclusive: the last sequence that the caller has."""

    offset: int | None = _parameter("Last seen event sequence (exclusive).")
    limit: int | None = _parameter("Most events to return; all when it is absent.")
    include_raw: bool | None = _parameter(_RAW)


@frozen
class StreamQuery:
    """Where a stream of events starts."""

    offset: Cursor | None = _parameter(_CURSOR)
    include_raw: bool | None = _parameter(_RAW)


@frozen
class TurnStreamQuery:
    include_raw: bool | None = _parameter(_RAW)
