"""What a turn cost. Codex tells a thread's sums after each answer of the model; a turn is what they gained."""

from collections.abc import Mapping
from typing import Any

from ..json_lines import members, number
from ..remembered import Remembered

_FIELDS = ("inputTokens", "outputTokens", "cachedInputTokens", "cacheWriteInputTokens")


class Usage:
    """The sums of each thread as they stood last. Sub-agents are threads of their own, and count."""

    def __init__(self) -> None:
        self._threads = Remembered[Mapping[str, float]]()
        self._turn = _nothing()
        self._told = False

    def __repr__(self) -> str:
        return f"<Usage threads={len(self._threads)} told={self._told}>"

    def updated(self, thread: str, usage: Mapping[str, Any], *, counts: bool) -> None:
        """``counts`` is false for what was spent before: a resumed thread tells the sums of its former life."""
        total, last = _counts(usage.get("total")), _counts(usage.get("last"))
        before = self._threads.get(thread) or {name: total[name] - last[name] for name in _FIELDS}
        self._threads.put(thread, total)
        if counts:
            self._told = True
            for name in _FIELDS:
                self._turn[name] += max(total[name] - before[name], 0)

    def turn_ended(self, turn: Mapping[str, Any]) -> dict[str, Any]:
        """The ``metadata`` of the turn that ends now; the next one starts at nothing. The cost is not known."""
        spent, told = self._turn, self._told
        self._turn, self._told = _nothing(), False
        metadata: dict[str, Any] = {}
        if told:
            cached, written = spent["cachedInputTokens"], spent["cacheWriteInputTokens"]
            # OpenAI counts what the cache had as input too; here as elsewhere the four add up to the whole.
            metadata["usage"] = {
                "input_tokens": max(spent["inputTokens"] - cached - written, 0),
                "output_tokens": spent["outputTokens"],
                "cache_read_tokens": cached,
                "cache_write_tokens": written,
            }
        facts = {"stop_reason": turn.get("status"), "duration_ms": turn.get("durationMs")}
        metadata |= {name: value for name, value in facts.items() if value is not None}
        return metadata


def _counts(facts: Any) -> dict[str, float]:
    said = members(facts)
    return {name: number(said.get(name)) for name in _FIELDS}


def _nothing() -> dict[str, float]:
    return dict.fromkeys(_FIELDS, 0)
