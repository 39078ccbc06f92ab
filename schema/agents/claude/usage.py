"""What a turn cost. Claude's ``total_cost_usd`` and ``modelUsage`` are sums over its process; a turn is the gain."""

from collections.abc import Mapping
from typing import Any

from ..json_lines import members, number
from .wire import ResultLine

_FIELDS: Mapping[str, str] = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "cache_read_tokens": "cacheReadInputTokens",
    "cache_write_tokens": "cacheCreationInputTokens",
}

_NOTHING: Mapping[str, float] = {}


class Usage:
    """The sums as they stood when the last turn ended. Sub-agents count: they are in ``modelUsage``, though not in
    the result's own ``usage``."""

    def __init__(self) -> None:
        self._cost = 0.0
        self._models: dict[str, dict[str, float]] = {}

    def __repr__(self) -> str:
        return f"<Usage cost_usd={self._cost:.6f} models={sorted(self._models)}>"

    def turn(self, result: ResultLine) -> dict[str, Any]:
        """The ``metadata`` of the turn that this result ends."""
        total = number(result.total_cost_usd)
        models = {model: _counts(facts) for model, facts in members(result.model_usage).items()}
        spent = {model: _less(counts, self._models.get(model, _NOTHING)) for model, counts in models.items()}
        spent = {model: counts for model, counts in spent.items() if any(counts.values())}
        cost = max(total - self._cost, 0.0)
        self._cost, self._models = total, models
        metadata: dict[str, Any] = {
            "usage": {name: sum(counts[name] for counts in spent.values()) for name in _FIELDS},
            "cost_usd": round(float(cost), 9),
            "models": spent,
        }
        for name in ("num_turns", "stop_reason", "duration_ms"):
            if (value := getattr(result, name)) is not None:
                metadata[name] = value
        return metadata


def _less(now: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {name: round(max(value - before.get(name, 0), 0), 9) for name, value in now.items()}


def _counts(facts: Any) -> dict[str, float]:
    said = members(facts)
    return {name: number(said.get(native)) for name, native in _FIELDS.items()} | {
        "cost_usd": number(said.get("costUSD"))
    }
