"""The isolation level: how far agents are kept from the daemon and from each other. :mod:`.search` finds the level
before the first agent starts.

The level ``process`` is always possible: the daemon closes its own process to others. At ``user`` all agents run as
another user, which needs a daemon that runs as root. At ``namespace``, which can be combined with another user, each
agent has a pid namespace, which no process leaves and in which no other process is visible, and a mount namespace in
which the daemon's files are hidden. docs/security.md says what holds at which level.
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
    """The level that the settings demand is not possible on this machine."""


@frozen
class Isolation:
    """``reason`` says why the level is not higher; empty at the highest. ``user`` is the user as whom agents run, when
    it is not ours, and ``home`` is where that user's files are."""

    level: Level = "process"
    reason: str = "nothing better was tried"
    plan: Plan = Plan()
    user: AgentUser | None = None
    home: Home | None = None

    @classmethod
    def untried(cls, settings: Settings) -> "Isolation":
        """The level that needs no trial. Raises :class:`NotIsolated` when the settings demand more."""
        if settings.agent_user or settings.agent_isolation not in ("auto", "process"):
            raise NotIsolated("the settings demand an isolation: find it, and give it to the daemon")
        return cls()

    @property
    def at_birth(self) -> AgentUser | None:
        """The user as whom an agent's first process starts. With namespaces it changes the user after making them."""
        return None if self.level == "namespace" else self.user

    def environment(self, environment: Mapping[str, str]) -> dict[str, str]:
        """The agents' environment, made from the daemon's."""
        if self.user is None or self.home is None:
            return dict(environment)
        return self.user.environment(environment, str(self.home.path))

    @property
    def troubles(self) -> Sequence[str]:
        """Messages for the operator about the home of the agents' user."""
        if self.user is None or self.home is None:
            return ()
        if self.home.source == "temporary":
            return (f"{self.user} has no home directory in passwd; {self.home.path} is used, which may not last",)
        with self.user.rights():
            if os.access(self.home.path, os.W_OK | os.X_OK, effective_ids=True):
                return ()
        return (f"{self.user} cannot write in its home, {self.home.path}: neither logins nor conversations are kept",)

    def with_hidden(self, directory: Path) -> "Isolation":
        """The same isolation, with one more hidden directory."""
        plan = evolve(self.plan, directories=(*self.plan.directories, str(directory)))
        return evolve(self, plan=plan) if self.level == "namespace" else self

    def told(self) -> dict[str, str]:
        """As events and health tell it."""
        user = {} if self.user is None else {"user": str(self.user)}
        return {"level": self.level} | user | ({"reason": self.reason} if self.reason else {})
