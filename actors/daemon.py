"""The daemon: the composition root. It makes everything that there is one of, and runs the tree of actors.

daemon
├─ journal             permanent, the only writer
├─ processes           permanent, what ending agents needs
├─ leftovers           permanent, done before the next starts
├─ confinement         permanent, the cgroups of the agents
├─ cells               permanent, what agents do not see of each other
├─ conversations       permanent, what the mock agent remembers
├─ permission broker   permanent
├─ installer           permanent
└─ registry            permanent, holds the sessions' supervisor
   ├─ session, many    transient
   └─ token keeper     permanent, last: nobody else's life depends on it
"""

import os
import uuid
from collections.abc import Mapping, Sequence

import trio
from attrs import evolve

from ..schema.codec import Codec
from ..schema.credentials.credential import without_credentials
from ..schema.redaction.redactor import Redactor
from ..schema.redaction.values import certain, of_environment
from ..schema.settings import Settings
from .access.token_file import NAME as TOKENS
from .access.token_keeper import TokenKeeper
from .agents.catalog import Catalog
from .agents.credentials import Credentials
from .approvals.broker import (
    PermissionBroker,
)
from .counters import Counters
from .facade import DaemonFacade
from .files.data_directory import data_directory
from .files.home import settled
from .files.reader import ForeignFiles
from .installs.installer import Installer
from .installs.job import InstallTools
from .isolation.cells import Cells
from .isolation.isolation import Isolation
from .journal.disk import DiskJournal
from .journal.interface import Journal
from .journal.memory import MemoryJournal
from .kernel.clock import Clock
from .kernel.failpoints import VARIABLE, Failpoints
from .kernel.mailbox import Mailbox
from .kernel.restart_intensity import RestartIntensity
from .kernel.supervisor import Chain
from .machine.descriptor_reserve import DescriptorReserve
from .processes.confinement import Confinement
from .processes.orphans import Orphans
from .processes.table import ProcessTable
from .sessions.context import SessionContext
from .sessions.registry import Registry

OWN_VARIABLES = ("SANDBOX_AGENT_TOKEN", "SANDBOX_AGENT_TOKEN_FILE", VARIABLE)
"""Ours alone: an agent that could read the token could answer its own permissions."""


class Daemon(DaemonFacade):
    """Making one raises :class:`NoHome` when the settings name no data directory and nobody has one, and
    :class:`NotIsolated` when they demand an ``isolation`` that is not given.

    ``environment`` is what agents inherit, less our own token; the default is this process's. ``secrets`` are masked
    in all that is stored, shown and streamed, beside those of the environment: our own token.
    """

    def __init__(
        self,
        settings: Settings | None = None,
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        secrets: Sequence[str] = (),
        isolation: Isolation | None = None,
        trace: bool = False,
    ) -> None:
        settings = settings or Settings()
        isolation = isolation or Isolation.untried(settings)
        reserve = DescriptorReserve(settings.ending_descriptors)

        def journal_id() -> str:
            return journal.journal_id

        table = ProcessTable(journal_id, reserve, user=isolation.user)
        inherited = os.environ if environment is None else environment
        failpoints = Failpoints.of(inherited)
        environment = settled({name: value for name, value in inherited.items() if name not in OWN_VARIABLES})
        workshop = InstallTools(settings, without_credentials(environment), table, table.marker)
        if isolation.user is not None:  # whose home says nothing of where ours is
            settings = evolve(settings, data_dir=str(data_directory(settings, environment)))
            environment = isolation.environment(environment)
        clock = clock or Clock()
        kept = (*of_environment(environment), *(secret for value in secrets for secret in certain(value)))
        data = None if settings.ephemeral else data_directory(settings, environment)
        journal: Journal = (
            MemoryJournal(settings, clock, _unique()[-12:])
            if data is None
            else DiskJournal(data, settings, clock, failpoints)
        )
        files = ForeignFiles(settings.foreign_file_timeout, table.rights)
        credentials = Credentials(environment, settings, files)
        # What is installed is ours, whoever runs it.
        installs = ForeignFiles(settings.foreign_file_timeout)
        context = SessionContext(
            settings=settings,
            codec=Codec(),
            clock=clock,
            journal=journal,
            catalog=Catalog(environment, settings, table, credentials, installs),
            credentials=credentials,
            files=files,
            table=table,
            confinement=Confinement(journal_id, settings, table.reserve),
            cells=Cells(isolation, journal_id, table.reserve),
            failpoints=failpoints,
            environment=environment,
            broker=Mailbox("permissions", settings.mailbox_size),
            registry=Mailbox("registry", settings.mailbox_size),
            tokens=TokenKeeper(None if data is None else data / TOKENS, settings, clock),
            counters=Counters(),
            unique=_unique,
            secrets=kept,
            redactor=Redactor(kept),
            trace=trace,
        )
        super().__init__(context, Mailbox("installer", settings.mailbox_size), _chain(settings))
        self._add_actors(workshop)
        self._scope = trio.CancelScope()
        self._ended = trio.Event()

    def _add_actors(self, workshop: InstallTools) -> None:
        """In the order in which they start: each needs those before it."""
        context, chain = self._context, self._chain
        chain.add("journal", lambda: context.journal.run)
        chain.add("processes", lambda: context.table.run)
        if not context.settings.ephemeral:  # without a kept journal there is no earlier daemon of ours
            chain.add(
                "leftovers", lambda: Orphans(lambda: context.journal.journal_id, context.table, context.settings).run
            )
        chain.add("confinement", lambda: context.confinement.run)
        chain.add("cells", lambda: context.cells.run)
        chain.add("conversations", lambda: context.conversations.run)
        chain.add("permissions", lambda: PermissionBroker(context.broker).run)
        chain.add("installer", lambda: Installer(self._installer, workshop).run)
        chain.add("registry", lambda: Registry(context.registry, context).run)
        chain.add("tokens", lambda: context.tokens.run)

    def __repr__(self) -> str:
        state = "ended" if self._ended.is_set() else "running"
        return f"<Daemon {state} {self._chain!r} {self._journal!r}>"

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run the actors until :meth:`stop`, or until cancelled; every agent process is ended before this returns."""
        try:
            with self._scope:
                await self._chain.run(task_status=task_status)
        finally:
            self._broker.close()
            self._installer.close()
            self._registry.close()
            self._ended.set()

    async def stop(self) -> None:
        """End every session's agent, then every log; returns when :meth:`run` is over."""
        self._journal.hurry()
        self._scope.cancel()
        await self._ended.wait()


def _chain(settings: Settings) -> Chain:
    return Chain(
        RestartIntensity(
            settings.actor_restarts, settings.restart_period, settings.restart_backoff, settings.restart_backoff_max
        )
    )


def _unique() -> str:
    return str(uuid.uuid4())
