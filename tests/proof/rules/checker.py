"""The history checker: a pure function that says which promises a history breaks."""

from collections.abc import Iterator

from .command_rules import broken_in_commands
from .history import History
from .log_rules import broken_in_log
from .stream_rules import broken_in_feed, broken_in_streams


def violations(history: History) -> list[str]:
    """The broken promises, in words, each after its number; empty when all promises held."""
    return list(_violations(history))


def _violations(history: History) -> Iterator[str]:
    for log in history.logs:
        if log.first == 1:
            for broken in broken_in_log(log.events, over=True):
                yield f"{broken} (log {log.log_id} of {log.session})"
    yield from broken_in_streams(history)
    yield from broken_in_feed(history)
    yield from broken_in_commands(history)
    for survivor in history.survivors:
        yield f"9: {survivor} is alive"
