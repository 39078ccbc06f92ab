"""What the mock agent remembers of its conversations: one file for each session, which goes with the session.

A vendor's agent keeps its conversations where its user has them, and they are not ours to remove. The mock agent is our
own. Its files are in ``mock`` in the data directory, by the ids of the sessions' logs; those of an ephemeral daemon are
in a private directory below ``$XDG_STATE_HOME/sandbox-agent/mock``, which goes with the daemon, or with the next one
that starts after a kill.
"""

import os
import shutil
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

import structlog
import trio

from ...schema.settings import Settings
from ..files.data_directory import data_directory
from ..files.home import NoHome, base_directory
from ..machine.agent_user import AgentUser
from ..machine.descriptor_reserve import DescriptorReserve, Exhausted
from ..processes.private_directory import PrivateDirectory, hand_over, remove_left

OWNER = "mock"

_log = structlog.get_logger("mock")


class Conversations:
    """Only the mock agent writes the files; what is here says where they are, and removes them. Where agents have a
    ``user`` of their own, the directory is that user's; an ephemeral daemon has it among temporary files then."""

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        reserve: DescriptorReserve,
        user: AgentUser | None = None,
    ) -> None:
        self._environment = environment
        self._user = user
        self._reserve = reserve
        self._kept = None if settings.ephemeral else data_directory(settings, environment) / "mock"
        self._private: PrivateDirectory | None = None
        self._making = trio.Lock()

    def __repr__(self) -> str:
        return f"<Conversations {self._kept or self._private}>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        if self._kept is not None:
            try:
                # Before any agent starts: in namespaces it sees what is there then, and nothing that it makes is kept.
                await trio.to_thread.run_sync(_make, self._kept, self._user)
            except OSError as error:
                _log.warning("the mock agent remembers nothing", directory=str(self._kept), error=str(error))
        task_status.started()
        try:
            await trio.sleep_forever()
        finally:
            private, self._private = self._private, None
            if private is not None:
                with trio.CancelScope(shield=True):
                    await private.remove(self._reserve)

    async def file(self, log_id: str) -> str | None:
        """The file of a session, which need not exist. None where there is no place for one: then the agent remembers
        nothing, and says so."""
        directory = self._kept or await self._own()
        return None if directory is None else str(directory / log_id)

    async def _own(self) -> Path | None:
        async with self._making:
            if self._private is None:
                try:
                    parent = None if self._user else await trio.to_thread.run_sync(self._make_parent)
                    self._private = await PrivateDirectory.make(OWNER, parent)
                    if self._user is not None:
                        await trio.to_thread.run_sync(_make, self._private.path / OWNER, self._user)
                        await self._private.let_pass()
                except (OSError, NoHome):
                    return None
            return self._private.path / OWNER if self._user else self._private.path

    def _parent(self) -> Path:
        """Raises :class:`NoHome`."""
        return base_directory(self._environment, "XDG_STATE_HOME", ".local/state") / "sandbox-agent" / "mock"

    def _make_parent(self) -> str:
        """Raises OSError, also where the user's own directory is not there: it is not ours to make."""
        parent = self._parent()
        home = Path(self._environment.get("XDG_STATE_HOME") or base_directory(self._environment, "HOME", ""))
        if not os.access(home, os.W_OK):
            raise PermissionError(f"{home} cannot be written")
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return str(parent)

    async def forget(self, log_id: str) -> None:
        """The session is deleted. Raises nothing: what stays is removed at the next start."""
        directory = self._kept or (self._private and await self._own())
        if directory is not None:
            with suppress(Exhausted, OSError):
                await self._reserve.run(os.unlink, directory / log_id)

    async def keep_only(self, log_ids: Collection[str]) -> None:
        """At a start: remove the files of sessions that are no longer there, and what ephemeral daemons left that are
        dead."""
        with suppress(Exhausted, OSError):
            await self._reserve.run(self._sweep, frozenset(log_ids))

    def _sweep(self, log_ids: Collection[str]) -> None:
        with suppress(FileNotFoundError, NoHome):
            remove_left(OWNER, None if self._user else str(self._parent()))
        if self._kept is not None:
            with suppress(FileNotFoundError):
                for path in [path for path in self._kept.iterdir() if path.name not in log_ids]:
                    path.unlink()


def _make(directory: Path, user: AgentUser | None) -> None:
    """Make it, and give it to the ``user`` with what is in it. What it lies in must be ours. Blocks; raises OSError."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if user is None:
        return
    owner = directory.stat().st_uid
    if owner == user.uid:
        return
    if owner != os.geteuid():
        # An earlier agents' user: it may have put a second name of somebody's file there.
        shutil.rmtree(directory)
        directory.mkdir(mode=0o700)
    hand_over(directory, user)
