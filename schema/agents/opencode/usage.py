"""What a turn cost: the sum of its steps, also those of sub-agents. Each step tells its own tokens and price."""

from collections.abc import Mapping
from typing import Any

from ...bounds import MAX_NAME, bounded_id, shortened
from ..json_lines import members, number
from ..remembered import Remembered
from .wire import Part

MOST_STEPS = 10_000
MOST_MODELS = 64
OTHER = "other"
"""What the models beyond those are called."""

_FIELDS: Mapping[str, tuple[str, ...]] = {
    "input_tokens": ("input",),
    "output_tokens": ("output",),
    "reasoning_tokens": ("reasoning",),
    "cache_read_tokens": ("cache", "read"),
    "cache_write_tokens": ("cache", "write"),
}


class Usage:
    """The sums since the turn began."""

    def __init__(self) -> None:
        self._steps = Remembered[None](MOST_STEPS)
        self._models: dict[str, dict[str, float]] = {}

    def __repr__(self) -> str:
        return f"<Usage steps={len(self._steps)} models={sorted(self._models)}>"

    def add(self, step: Part, model: str) -> None:
        """A step that is told again counts once."""
        if (step_id := bounded_id(step.id)) in self._steps:
            return
        self._steps.put(step_id, None)
        name = shortened(model, MAX_NAME)
        if name not in self._models and len(self._models) >= MOST_MODELS:
            name = OTHER
        sums = self._models.setdefault(name, dict.fromkeys((*_FIELDS, "cost_usd"), 0))
        for member, path in _FIELDS.items():
            sums[member] += number(_at(step.tokens, path))
        sums["cost_usd"] = round(sums["cost_usd"] + number(step.cost), 9)

    def turn(self) -> dict[str, Any]:
        """The part of a turn's ``metadata`` that tells its cost."""
        return {
            "usage": {name: sum(sums[name] for sums in self._models.values()) for name in _FIELDS},
            "cost_usd": round(sum(sums["cost_usd"] for sums in self._models.values()), 9),
            "models": self._models,
        }


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = members(value).get(name)
    return value
