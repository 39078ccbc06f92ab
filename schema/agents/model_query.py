"""Asking an agent's own program which models it offers: a conversation over stdin and stdout, without I/O."""

from typing import Protocol

from ..api.agent_info import AgentModelsResponse


class ModelTalk(Protocol):
    """One conversation with one fresh process, started as ``<the agent's program> *arguments``."""

    @property
    def arguments(self) -> tuple[str, ...]: ...

    def begin(self) -> bytes:
        """What to write first; may be empty."""
        ...

    def receive(self, line: bytes) -> bytes:
        """A line that the program wrote; returns what to write next. Never raises on what it says."""
        ...

    def known(self, *, ended: bool) -> AgentModelsResponse | None:
        """The models, once the program has told all of them. ``ended``: it has said its last word."""
        ...
