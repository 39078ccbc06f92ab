"""How far agents are kept from the daemon and from each other, found out before the first of them starts.

The level ``process`` is always there: what the daemon can close of itself. ``namespace`` is what the kernel can give an
agent besides: a pid namespace, which nothing leaves and in which nothing else is seen, and a mount namespace, in which
the daemon's files are not there. docs/security.md has what holds at which level.
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
from .plan import Plan

Level = Literal["process", "namespace"]

PATIENCE = 10.0
"""Seconds for the system to make namespaces. It takes milliseconds."""

MEND = "let uid {} make user namespaces and mount /proc in them (docs/security.md)"


class NotIsolated(Exception):
    """The level that the settings demand cannot be had."""


@frozen
class Isolation:
    """``reason`` says in words why it is no better; empty at the best level."""

    level: Level = "process"
    reason: str = "nothing better was tried"
    plan: Plan = Plan()

    @classmethod
    def find(cls, settings: Settings, environment: Mapping[str, str], secret_files: Sequence[Path] = ()) -> "Isolation":
        """Tries what is best; takes some ten milliseconds. ``secret_files`` are those that the daemon has read and no
        agent may. Raises :class:`NotIsolated`."""
        if settings.agent_isolation == "process":
            return cls(reason="the setting agent_isolation demands no more")
        plan = Plan(
            directories=tuple(map(str, hidden(settings, environment))),
            files=tuple(map(str, secret_files)),
            read_only=(str(data_directory(settings, environment) / "agents"),),
        )
        home = str(Home.find(environment).path)
        reason = f"{home} is both the home and a directory that is to be hidden" if plan.hides(home) else _why_not(plan)
        if not reason:
            return cls("namespace", "", plan)
        if settings.agent_isolation == "namespace":
            mend = f"{MEND.format(os.geteuid())}, or say --agent-isolation process"
            raise NotIsolated(f"--agent-isolation namespace cannot be had: {reason}; {mend}")
        return cls(reason=reason)

    def with_hidden(self, directory: Path) -> "Isolation":
        """The same, with one more directory that no agent sees."""
        plan = evolve(self.plan, directories=(*self.plan.directories, str(directory)))
        return self if self.level == "process" else evolve(self, plan=plan)

    def told(self) -> dict[str, str]:
        """For events."""
        return {"level": self.level} | ({"reason": self.reason} if self.reason else {})


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
