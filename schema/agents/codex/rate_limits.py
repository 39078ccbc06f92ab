"""How much of a subscription is used, as codex tells it: an item when it has changed enough to matter.

Codex says it with every answer of the model, of each limit by itself, and leaves out what has not changed.
"""

from collections.abc import Iterator
from typing import Any

from attrs import define

from ...bounds import MAX_NAME, shortened
from ...items import ContentPart, JsonPart, StatusPart
from ..json_lines import as_text, members
from ..remembered import Remembered
from ..times import when

STEP = 10
"""Percentage points of a window that are news."""

_MOST = 100
"""Limits that are remembered."""

_WINDOWS = ("primary", "secondary")

_FLAGS = ("rateLimitReachedType", "spendControlReached")
"""Whose change is always news."""


@define
class _Limit:
    """``known`` is all that was said of it, ``told`` what a client has heard."""

    known: dict[str, Any]
    told: dict[str, Any] | None = None


class RateLimits:
    def __init__(self) -> None:
        self._limits = Remembered[_Limit](_MOST)

    def __repr__(self) -> str:
        return f"<RateLimits {len(self._limits)}>"

    def updated(self, said: Any) -> tuple[ContentPart, ...]:
        """The content of a status item: empty when it is no news."""
        facts = members(said)
        name = shortened(as_text(facts.get("limitName") or facts.get("limitId") or "codex"), MAX_NAME)
        limit = self._limits.get(name)
        if limit is None:
            limit = _Limit({})
            self._limits.put(name, limit)
        limit.known |= dict(_measures(facts))
        if not limit.known or (limit.told is not None and not _is_news(limit.told, limit.known)):
            return ()
        limit.told = dict(limit.known)
        windows = "; ".join(_words(window, limit.known[window]) for window in _WINDOWS if window in limit.known)
        reached = limit.known.get("rateLimitReachedType")
        words = ", ".join(filter(None, [reached if isinstance(reached, str) else "", windows]))
        return (StatusPart("rate_limit", f"{name}: {words}"), JsonPart({"limit": name, **limit.known}))


def _measures(facts: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for window in _WINDOWS:
        match facts.get(window):
            case {"usedPercent": int(used), **rest}:
                times = {name: rest.get(name) for name in ("windowDurationMins", "resetsAt")}
                yield window, {"usedPercent": used} | {n: v for n, v in times.items() if isinstance(v, int)}
            case _:
                pass
    for flag in _FLAGS:
        match facts.get(flag):
            case str(reached):
                yield flag, shortened(reached, MAX_NAME)
            case bool(reached):
                yield flag, reached
            case _:
                pass


def _is_news(told: dict[str, Any], known: dict[str, Any]) -> bool:
    if any(told.get(flag) != known.get(flag) for flag in _FLAGS):
        return True
    return any(
        window not in told or abs(known[window]["usedPercent"] - told[window]["usedPercent"]) >= STEP
        for window in _WINDOWS
        if window in known
    )


def _words(window: str, measured: dict[str, Any]) -> str:
    minutes, resets = measured.get("windowDurationMins"), measured.get("resetsAt")
    words = f"{measured['usedPercent']} % of the {window} window"
    words += f" of {minutes} minutes" if minutes is not None else ""
    return words + (f" until {when(resets)}" if resets is not None else "")
