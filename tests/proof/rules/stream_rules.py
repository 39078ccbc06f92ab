"""Rules for everything that was streamed: promises 1 to 4."""

from collections.abc import Iterator

from .history import FEED, Frame, History, Kept, Resync, Stream


def broken_in_streams(history: History) -> Iterator[str]:
    logs = {log.log_id: log for log in (*history.logs, *([history.feed] if history.feed else []))}
    seen: dict[tuple[str, int], bytes] = {}
    for stream in history.streams:
        if stream.log_id is None:  # the connection broke before the first frame
            continue
        kept = logs.get(stream.log_id)
        if kept is None and stream.session not in history.deleted:
            yield f"2: log {stream.log_id} is gone, which the {stream} showed"
        for frame in stream.events:
            known = seen.setdefault((stream.log_id, frame.position), frame.data)
            if known != frame.data:
                yield f"1: position {frame.position} of log {stream.log_id} was given out twice, last to the {stream}"
            if kept is not None:
                yield from _kept(stream, frame, kept, history)
        holes = stream.session == FEED and bool(history.deleted)
        yield from _resync(stream, kept, holes=holes)
        yield from _suffix(stream, kept)


def _kept(stream: Stream, frame: Frame, kept: Kept, history: History) -> Iterator[str]:
    there = kept.by_position.get(frame.position)
    if there is None:
        gone = frame.position < kept.first or frame.event["session_id"] in history.deleted
        if not gone:
            yield f"2: position {frame.position}, which the {stream} showed, is lost: {frame.data!r}"
    elif there.data != frame.data:
        yield f"2: position {frame.position} of the {stream} was {frame.data!r} and is {there.data!r}"
    if stream.session != FEED and frame.event["sequence"] != frame.position:
        yield f"1: position {frame.position} of the {stream} holds sequence {frame.event['sequence']}"


def _resync(stream: Stream, kept: Kept | None, *, holes: bool) -> Iterator[str]:
    """The first frame says whether the requested cursor could be continued. With ``holes`` any events may be
    deleted."""
    if not stream.frames:
        return
    first = stream.frames[0]
    got = first.reason if isinstance(first, Resync) else None
    if stream.asked_log not in (None, stream.log_id):
        due = {"foreign"}
    elif kept is None:
        return
    elif stream.asked > kept.last:
        due = {"future"}
    elif stream.asked < kept.first - 1 or holes:
        due = {"expired", None}  # it may have been there when it was asked for
    else:
        due = {None}
    if got not in due:
        yield f"4: the {stream} began with {_named(got)}, not with {' or '.join(map(_named, sorted(due, key=str)))}"
    for frame in stream.frames[1:]:
        if isinstance(frame, Resync) and (
            frame.reason != "expired" or (kept is not None and kept.first == 1 and not holes)
        ):
            yield f"4: the {stream} was told of a {frame.reason} cursor on its way"


def _named(reason: str | None) -> str:
    return f"a {reason} resync" if reason else "events"


def _suffix(stream: Stream, kept: Kept | None) -> Iterator[str]:
    at = stream.asked
    for frame in stream.frames:
        if isinstance(frame, Resync):
            at = at if frame.reason == "expired" else 0
            skipped = [
                position for position in range(at + 1, frame.resumed_after + 1) if kept and position in kept.by_position
            ]
            if skipped:
                yield f"3: the {stream} was sent on from {at} to {frame.resumed_after}, past {skipped}"
            at = frame.resumed_after
        elif frame.position <= at:
            yield f"3: the {stream} went from {at} back to {frame.position}"
        else:
            missing = _missing(stream, at, frame.position, kept)
            if missing:
                yield f"3: the {stream} went from {at} to {frame.position} without {missing}"
            at = frame.position


def _missing(stream: Stream, after: int, before: int, kept: Kept | None) -> list[int]:
    """The events that should have come in between. The stream of all sessions has gaps where a session was deleted."""
    between = range(after + 1, before)
    if stream.session == FEED:
        return [position for position in between if kept is not None and position in kept.by_position]
    return list(between)


def broken_in_feed(history: History) -> Iterator[str]:
    """The stream of all sessions holds every event of every log, each once, each session's in order."""
    if history.feed is None:
        return
    found: dict[str, list[bytes]] = {}
    for frame in history.feed.frames:
        found.setdefault(frame.event["session_id"], []).append(frame.data)
    for log in history.logs:
        expected = [frame.data for frame in log.frames]
        got = found.get(log.session, [])[-len(expected) :] if expected else []
        if history.feed.first == 1 and got != expected:
            yield f"3: the stream of all sessions does not hold log {log.log_id} of {log.session} as it is"
