"""How far agents are kept from the daemon and from each other, found out before the first of them starts.

The level ``process`` is always there: what the daemon can close of itself. ``user`` is another user for all agents,
which a daemon of root's can give them. ``namespace`` is what the kernel can give an agent besides, also one of another
user: a pid namespace, which nothing leaves and in which nothing else is seen, and a mount namespace, in which the
daemon's files are not there. docs/security.md has what holds at which level.
"""

import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from attrs import evolve, frozen

from ...schema.settings import Settings
from ..home import Home, NoHome, base_directory
from ..install_store import data_directory
from ..sight import look
from .agent_user import AgentUser, NoSuchUser
from .plan import Plan
from .user_trial import NotPossible, UserTrial

Level = Literal["process", "user", "namespace"]

PATIENCE = 10.0
"""Seconds for the system to make namespaces. It takes milliseconds."""

MEND = "let uid {} make user namespaces and mount /proc in them (docs/security.md)"


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
    def find(cls, settings: Settings, environment: Mapping[str, str], secret_files: Sequence[Path] = ()) -> "Isolation":
        """Tries what is best; takes some ten milliseconds. ``secret_files`` are those that the daemon has read and no
        agent may. Raises :class:`NotIsolated`."""
        if settings.agent_isolation == "process":
            return cls(reason="the setting agent_isolation demands no more")
        agents, user = cls(), None
        if settings.agent_user:
            user = _find_user(settings, environment)
            agents = cls("user", "", user=user, home=_home(user, environment))
        if settings.agent_isolation == "user":
            return evolve(agents, reason="the setting agent_isolation demands no more")
        plan = Plan(
            directories=tuple(map(str, hidden(settings, environment))),
            files=tuple(map(str, secret_files)),
            read_only=(str(data_directory(settings, environment) / "agents"),),
            user=user,
        )
        home = str((agents.home or Home.find(environment)).path)
        reason = f"{home} is both the home and a directory that is to be hidden" if plan.hides(home) else _why_not(plan)
        if not reason:
            return evolve(agents, level="namespace", reason="", plan=plan)
        if settings.agent_isolation == "namespace":
            less = "process" if user is None else "user"
            mend = f"{MEND.format(os.geteuid())}, or say --agent-isolation {less}"
            raise NotIsolated(f"--agent-isolation namespace cannot be had: {reason}; {mend}")
        return evolve(agents, reason=reason)

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


def _find_user(settings: Settings, environment: Mapping[str, str]) -> AgentUser:
    try:
        user = AgentUser.find(settings.agent_user)
        UserTrial.make(user, data_directory(settings, environment)).run()
    except (NoSuchUser, NotPossible) as error:
        raise NotIsolated(f"--agent-user {settings.agent_user} cannot be had: {error}") from error
    return user


def _home(user: AgentUser, environment: Mapping[str, str]) -> Home:
    try:
        return Home.of_user(user, environment)
    except NoHome as error:
        raise NotIsolated(f"--agent-user {user.name} cannot be had: {error}") from error


def hidden(settings: Settings, environment: Mapping[str, str]) -> list[Path]:
    """The directories with the journal, the stored token and the address. One that is not there is in no way."""
    found = [data_directory(settings, environment)]
    with suppress(NoHome):  # then there is no stored token
        found.append(base_directory(environment, "XDG_STATE_HOME", ".local/state") / "sandbox-agent")
    return found


def _why_not(plan: Plan) -> str:
    """Empty when an agent can be started so."""
    try:
        if sight := look().trouble:
            return sight
        done = subprocess.run(
            plan.command(()), env={}, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"namespaces cannot be tried: {error}"
    if done.returncode == 0:
        return ""
    words = done.stderr.decode(errors="replace").strip().splitlines()
    return words[0] if words else f"namespaces cannot be made (exit status {done.returncode})"
