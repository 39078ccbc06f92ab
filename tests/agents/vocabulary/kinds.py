"""One kind of message, and what became of an example of it."""

from collections.abc import Iterable
from typing import Literal

from attrs import frozen

from sandbox_agent.schema.agents.effects import Effect, Unparsed

Outcome = Literal["told", "quiet", "unparsed"]


@frozen
class Kind:
    """``name`` is what docs/agents.md calls it: the agent's own word for it, behind what sort of message it is."""

    agent: str
    name: str


@frozen
class Made:
    """``why`` is what the dialect said of an example that it could not read."""

    kind: Kind
    outcome: Outcome
    why: str = ""


def made(kind: Kind, effects: Iterable[Effect]) -> Made:
    effects = list(effects)
    unparsed = [effect for effect in effects if isinstance(effect, Unparsed)]
    if unparsed:
        return Made(kind, "unparsed", unparsed[0].error)
    return Made(kind, "told" if effects else "quiet")
