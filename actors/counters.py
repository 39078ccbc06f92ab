"""Counters: what has happened since the daemon started, in plain numbers.

Sessions count here; whoever shows the numbers reads them. Names that agents choose are bounded, so that no agent can
make them grow without end.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Any, cast

import msgspec
from attrs import define, field

from ..schema.bounds import MAX_NAME
from ..schema.encode import EncodedEvent

MAX_NAMES = 64
"""Models of one agent, and codes of errors, that are counted apart, of names that are not too long."""

OTHER = "other"
UNKNOWN = "unknown"

TOKEN_KINDS = ("input", "output", "cache_read", "cache_write", "reasoning")
"""As a turn's ``usage`` names them, less their ``_tokens``."""

Metadata = dict[str, Any]


@define
class Spent:
    """What the turns of one agent with one model used up. A cost that an agent does not tell is not in it."""

    tokens: Counter[str] = field(factory=Counter[str])
    cost_usd: float = 0.0

    def add(self, told: Metadata) -> None:
        for kind in TOKEN_KINDS:
            if tokens := _number(told.get(f"{kind}_tokens")):
                self.tokens[kind] += int(tokens)
        self.cost_usd += _number(told.get("cost_usd"))


class Counters:
    """``events`` by type, ``turns`` by agent and outcome, ``errors`` that the daemon told by their code,
    ``agent_starts`` by agent and whether it had ended unexpectedly before, ``agent_suspensions`` by agent,
    ``session_restarts`` of actors that crashed, ``spent`` by agent and model."""

    def __init__(self) -> None:
        self.events = Counter[str]()
        self.turns = Counter[tuple[str, str]]()
        self.errors = Counter[str]()
        self.agent_starts = Counter[tuple[str, bool]]()
        self.agent_suspensions = Counter[str]()
        self.session_restarts = 0
        self.spent: dict[str, dict[str, Spent]] = defaultdict(dict)

    def __repr__(self) -> str:
        return f"<Counters events={self.events.total()} turns={self.turns.total()} starts={self.agent_starts.total()}>"

    def recorded(self, agent: str, model: str | None, events: Sequence[EncodedEvent]) -> None:
        """Events of a session, now that they are kept. ``model`` is what it asked for; a turn may tell others."""
        for event in events:
            self.events[event.type] += 1
            if event.type == "turn.ended":
                self._turn_ended(agent, model, _data(event).get("metadata"))
            elif event.type == "error" and _is_ours(event):
                code = str(_data(event).get("code"))
                self.errors[_bounded(code, self.errors)] += 1

    def _turn_ended(self, agent: str, model: str | None, metadata: Any) -> None:
        told = _members(metadata)
        self.turns[agent, str(told.get("outcome", UNKNOWN))] += 1
        usage, models = _members(told.get("usage")), _members(told.get("models"))
        if models:
            for name, spent in models.items():
                self._spent(agent, name).add(_members(spent))
        elif usage or "cost_usd" in told:
            self._spent(agent, model or UNKNOWN).add(usage | {"cost_usd": told.get("cost_usd")})

    def _spent(self, agent: str, model: str) -> Spent:
        models = self.spent[agent]
        return models.setdefault(_bounded(model, models), Spent())


def _bounded(name: str, known: Collection[str]) -> str:
    return name if name in known or (len(known) < MAX_NAMES and len(name) <= MAX_NAME) else OTHER


def _data(event: EncodedEvent) -> Metadata:
    """Read back rather than handed on: a turn ends once in many thousand events, and this is what was kept."""
    return _members(_members(msgspec.json.decode(event.plain)).get("data"))


def _is_ours(event: EncodedEvent) -> bool:
    """An agent tells its own errors in its own words, and to its own vendor."""
    return b'"synthetic":true,"source":"daemon"' in event.head


def _members(value: Any) -> Metadata:
    return cast("Metadata", value) if isinstance(value, dict) else {}


def _number(value: Any) -> float:
    """Never less than nothing: a counter only grows."""
    return max(value, 0) if isinstance(value, int | float) and not isinstance(value, bool) else 0
