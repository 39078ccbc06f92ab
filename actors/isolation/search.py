"""The search for the isolation level that is possible on this machine."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from attrs import evolve, field, frozen

from ...schema.settings import Settings
from ..files.data_directory import data_directory
from ..files.home import Home, NoHome, base_directory
from ..machine.agent_user import AgentUser, NoSuchUser
from .isolation import Isolation, NotIsolated
from .plan import Plan
from .trial import Trial
from .user_trial import NotPossible, UserTrial

MEND = "let uid {} make user namespaces and mount /proc in them (docs/security.md)"


@frozen
class Search:
    """Starts the trial of the best level. The trial is another process and takes some ten milliseconds, in which the
    daemon imports what it needs."""

    _found: Isolation
    _plan: Plan = field(factory=Plan)
    _trial: Trial | None = None
    _demanded: bool = False

    @classmethod
    def begin(cls, settings: Settings, environment: Mapping[str, str], secret_files: Sequence[Path] = ()) -> "Search":
        """``secret_files`` are files that the daemon has read and that no agent may read. Raises
        :class:`NotIsolated`."""
        if settings.agent_isolation == "process":
            return cls(Isolation(reason="the setting agent_isolation demands no more"))
        found, user = Isolation(), None
        if settings.agent_user:
            user = _find_user(settings, environment)
            found = Isolation("user", "", user=user, home=_home(user, environment))
        if settings.agent_isolation == "user":
            return cls(evolve(found, reason="the setting agent_isolation demands no more"))
        plan = Plan(
            directories=tuple(map(str, hidden(settings, environment))),
            files=tuple(map(str, secret_files)),
            read_only=(str(data_directory(settings, environment) / "agents"),),
            user=user,
        )
        home = str((found.home or Home.find(environment)).path)
        refused = f"{home} is both the home and a directory that is to be hidden" if plan.hides(home) else ""
        trial = Trial(trouble=refused) if refused else Trial.begin(plan)
        return cls(found, plan, trial, settings.agent_isolation == "namespace")

    def result(self) -> Isolation:
        """Waits for the trial. Raises :class:`NotIsolated` when namespaces are demanded and not possible."""
        if self._trial is None:
            return self._found
        reason = self._trial.why_not()
        if not reason:
            return evolve(self._found, level="namespace", reason="", plan=self._plan)
        if self._demanded:
            less = "process" if self._found.user is None else "user"
            mend = f"{MEND.format(os.geteuid())}, or say --agent-isolation {less}"
            raise NotIsolated(f"--agent-isolation namespace cannot be had: {reason}; {mend}")
        return evolve(self._found, reason=reason)


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
    """The directories with the journal, the stored token and the address, as far as they exist."""
    found = [data_directory(settings, environment)]
    with suppress(NoHome):  # then there is no stored token
        found.append(base_directory(environment, "XDG_STATE_HOME", ".local/state") / "sandbox-agent")
    return found
