"""How far agents are kept from the daemon and from each other; :mod:`.search` finds it out before the first of them
starts.

The level ``process`` is always there: what the daemon can close of itself. ``user`` is another user for all agents,
which a daemon of root's can give them. ``namespace`` is what the kernel can give an agent besides, also one of another
user: a pid namespace, which nothing leaves and in which nothing else is seen, and a mount namespace, in which the
daemon's files are not there. docs/security.md has what holds at which level.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from attrs import evolve, frozen

from ...schema.settings import Settings
from ..files.home import Home
from ..machine.agent_user import AgentUser
from .plan import Plan

Level = Literal["process", "user", "namespace"]


class NotIsolated(Exception):
    """The level that the settings demand cannot be had."""


@frozen
class Isolation:
    """``reason`` says in words why it is no better; empty at the best level. ``user`` is the one as whom agents run
    where that is another than ours, and ``home`` where that one's files are."""

    level: Level = "process"
    reason: str = "nothing better was tried"
    plan: Plan = Plan()
    user: AgentUser | None = None
    home: Home | None = None

    @classmethod
    def untried(cls, settings: Settings) -> "Isolation":
        """For who has not tried: what is always there. Raises :class:`NotIsolated` where the settings demand more."""
        if settings.agent_user or settings.agent_isolation not in ("auto", "process"):
            raise NotIsolated("the settings demand an isolation: find it, and give it to the daemon")
        return cls()

    @property
    def at_birth(self) -> AgentUser | None:
        """The user as whom an agent's first process starts; in namespaces it becomes that user when they are made."""
        return None if self.level == "namespace" else self.user

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """For agents, from the daemon's."""
        if self.user is None or self.home is None:
            return dict(environment)
        return self.user.environment(environment, str(self.home.path))

    @property
    def troubles(self) -> Sequence[str]:
        """What an operator should know of the home of the agents' user."""
        if self.user is None or self.home is None:
            return ()
        if self.home.source == "temporary":
            return (f"{self.user} has no home directory in passwd; {self.home.path} is used, which may not last",)
        with self.user.rights():
            if os.access(self.home.path, os.W_OK | os.X_OK, effective_ids=True):
                return ()
        return (f"{self.user} cannot write in its home, {self.home.path}: neither logins nor conversations are kept",)

    def with_hidden(self, directory: Path) -> "Isolation":
        """The same, with one more directory that no agent sees."""
        plan = evolve(self.plan, directories=(*self.plan.directories, str(directory)))
        return evolve(self, plan=plan) if self.level == "namespace" else self

    def told(self) -> dict[str, str]:
        """For events."""
        user = {} if self.user is None else {"user": str(self.user)}
        return {"level": self.level} | user | ({"reason": self.reason} if self.reason else {})
