"""Launching: from what is kept of a session to a running agent process."""

import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import structlog
import trio
from attrs import evolve

from ...schema.agents.definition import AgentDefinition
from ...schema.agents.dialect import AgentSpec, Hook, UserFile
from ...schema.foreign.not_readable import NotReadable
from ...schema.problems import Problem, invalid_request
from ...schema.redaction.redactor import Redactor
from ...schema.redaction.values import certain, of_environment
from ...schema.timeouts import Timeouts
from ...schema.workspace.git import guarded
from ...schema.workspace.project import LeftOut, Project, ProjectFiles
from ...schema.workspace.trust import WorkspaceTrust, trust_that_holds
from ..agents.credentials import Grant
from ..agents.hook_server import SOCKET, HookServer
from ..agents.link import AgentLink
from ..agents.watchdogs import Watchdogs
from ..kernel.mailbox import Mailbox
from ..machine.shortage import Shortage
from ..processes.agent_process import AgentProcess, SpawnFailed
from ..processes.private_directory import PrivateDirectory
from ..workspace.survey import survey
from .context import SessionContext
from .session_facts import SessionFacts

_log = structlog.get_logger("agent")

_HOOK_PROGRAM = Path(__file__).parents[1] / "agents" / "amp_hook.py"


async def launch(
    context: SessionContext, facts: SessionFacts, mailbox: Mailbox, taken: Callable[[str], bool]
) -> AgentLink:
    """Start the agent of a session; a conversation that it has written down is resumed. ``taken`` as in ``AgentSpec``.

    Raises :class:`SpawnFailed`, or the ``agent_not_installed`` or ``credentials_missing`` problem.
    """
    try:
        return await _launch(context, facts, mailbox, taken)
    except (OSError, MemoryError, RuntimeError) as error:
        # Files are read and threads are started also before the program is.
        if (shortage := Shortage.of(error)) is None:
            raise
        raise SpawnFailed(str(shortage), shortage) from error


async def _launch(
    context: SessionContext, facts: SessionFacts, mailbox: Mailbox, taken: Callable[[str], bool]
) -> AgentLink:
    definition = context.catalog.definition(facts.request.agent)
    memory = await context.conversations.file(facts.log_id) if definition.executable is None else None
    grant = await context.credentials.grant(facts.request.agent, facts.directory)
    project = await _project(context, facts)
    if project is not None and (refused := project.refused) is not None:
        what = f"{definition.id} reads {refused.path} also in an untrusted workspace, and it {refused.reason}"
        raise invalid_request(f"{what}; mend or remove that file")
    spec = AgentSpec(
        session_id=facts.session_id,
        executable=await context.catalog.executable(definition, facts.request.agent_version),
        directory=facts.directory,
        agent_mode=facts.request.agent_mode or "",
        permission_mode=facts.request.permission_mode or "",
        seed=context.unique(),
        model=facts.request.model,
        variant=facts.request.variant,
        resume=facts.resume,
        as_root=context.catalog.as_root,
        title=facts.request.title,
        settings={"step_ms": f"{context.settings.mock_step_ms:g}"} | ({} if memory is None else {"memory": memory}),
        environment=grant.environment,
        login_variable=grant.login_variable,
        user_file=await _user_file(definition, context),
        trusted=_trust(context, facts) == "trusted",
        project=project,
        taken=taken,
    )
    if not definition.hooked:
        return await _start_with_files(context, facts, definition, spec, grant, mailbox)
    try:
        private = await context.cells.private_directory()
        hooks = await HookServer.open(context.settings, private, context.table.reserve)
    except OSError as error:
        raise _no_directory(error) from error
    try:
        path = hooks.directory.path
        hook = Hook(str(path), (sys.executable, "-IS", str(_HOOK_PROGRAM), str(path / SOCKET)))
        spec = evolve(spec, hook=hook, private=hook.directory)
        return await _start(context, facts, definition, spec, grant, mailbox, hooks.directory, hooks)
    except BaseException:
        with trio.CancelScope(shield=True):
            await hooks.aclose()
        raise


async def _start_with_files(
    context: SessionContext,
    facts: SessionFacts,
    definition: AgentDefinition,
    spec: AgentSpec,
    grant: Grant,
    mailbox: Mailbox,
) -> AgentLink:
    """An agent without hooks. It gets a private directory only when there may be texts to give it."""
    if spec.project is None or spec.trusted:
        return await _start(context, facts, definition, spec, grant, mailbox)
    try:
        directory = await context.cells.private_directory()
    except OSError as error:
        raise _no_directory(error) from error
    try:
        spec = evolve(spec, private=str(directory.path))
        return await _start(context, facts, definition, spec, grant, mailbox, directory)
    except BaseException:
        with trio.CancelScope(shield=True):
            await directory.remove(context.table.reserve)
        raise


def _no_directory(error: OSError) -> SpawnFailed:
    return SpawnFailed(f"no directory for the agent's private files: {error}", Shortage.of(error))


async def left_out(context: SessionContext, facts: SessionFacts) -> Sequence[LeftOut] | None:
    """What of the workspace the session does without, as it is now; None where nothing is left out by us. Raises
    nothing: what hinders a look now hinders the start of the agent too, which tells it."""
    if _trust(context, facts) == "trusted":
        return None
    try:
        project = await _project(context, facts)
    except (OSError, MemoryError, RuntimeError, Problem):
        return ()
    return project.left_out if project is not None else None


async def _project(context: SessionContext, facts: SessionFacts) -> Project | None:
    """None for an agent that reads nothing of it. In a trusted session it reads all by itself."""
    files = context.catalog.definition(facts.request.agent).project
    if files is None:
        return None
    trusted = _trust(context, facts) == "trusted"
    return await survey(ProjectFiles() if trusted else files, facts.directory, context.settings, context.files)


def _trust(context: SessionContext, facts: SessionFacts) -> WorkspaceTrust:
    return trust_that_holds(facts.request.workspace_trust, context.settings.workspace_trust)


async def _start(
    context: SessionContext,
    facts: SessionFacts,
    definition: AgentDefinition,
    spec: AgentSpec,
    grant: Grant,
    mailbox: Mailbox,
    directory: PrivateDirectory | None = None,
    hooks: HookServer | None = None,
) -> AgentLink:
    """``directory`` is the agent's own; it goes with ``hooks``, or else with the link."""
    dialect = (await trio.to_thread.run_sync(definition.load_dialect))(spec)
    # Whoever has a file to parse does that in a thread.
    plan = dialect.launch() if spec.user_file is None else await trio.to_thread.run_sync(dialect.launch)
    if directory is not None:
        try:
            await directory.write(plan.files)
            if context.table.user is not None:
                await directory.hand_over(context.table.user)
        except OSError as error:
            raise SpawnFailed(f"the agent's private files cannot be written: {error}", Shortage.of(error)) from error
    guards = {} if spec.trusted else guarded(spec.environment)
    changed = {**plan.defaults, **spec.environment, **guards, **plan.env}
    environment = {name: value for name, value in changed.items() if value is not None}
    redactor = await _redactor(context, environment, grant)
    marker = context.table.marker()
    argv = await context.cells.command(plan.argv, (spec.directory, *_needed(spec, directory)))
    process = await AgentProcess.spawn(
        argv,
        environment,
        spec.directory,
        marker,
        context.table,
        context.settings,
        await context.confinement.group(marker),
        redactor,
        plan.directory,
        context.cells.isolation.at_birth,
    )
    context.failpoints.reach("agent.started")
    _log.info("agent started", agent=facts.request.agent, pid=process.pid, resumed=facts.resume is not None)
    watchdogs = Watchdogs.of(Timeouts.of(facts.request.timeouts, context.settings), context.settings)
    clear = None
    if directory is not None and hooks is None:
        clear = partial(directory.remove, context.table.reserve)
    return AgentLink(process, dialect, mailbox, context.settings, watchdogs, hooks, clear, redactor)


async def _redactor(context: SessionContext, environment: Mapping[str, str], grant: Grant) -> Redactor:
    """Of all that this agent may come to know. In a thread: many secrets make a long pattern."""
    found = (secret for value in grant.found for secret in certain(value))
    secrets = dict.fromkeys((*context.secrets, *of_environment(environment), *found))
    if len(secrets) == len(context.secrets):
        return context.redactor
    return await trio.to_thread.run_sync(Redactor, tuple(secrets))


def _needed(spec: AgentSpec, directory: PrivateDirectory | None) -> list[str]:
    """What the agent must see wherever it is."""
    found = [home] if (home := spec.environment.get("HOME")) else []
    if directory is not None:
        found.append(str(directory.path))
    if (memory := spec.settings.get("memory")) is not None:  # the mock agent's
        found.append(str(Path(memory).parent))
    return found


async def _user_file(definition: AgentDefinition, context: SessionContext) -> UserFile | None:
    """The first of the user's files that exists. Raises the ``invalid_request`` problem for one that cannot be read:
    what it forbids would be allowed."""
    for path in definition.user_files(context.environment) if definition.user_files is not None else ():
        try:
            content = await context.files.read(path, context.settings.agent_config_bytes)
        except NotReadable as error:
            raise invalid_request(f"{definition.id}'s settings in {path} cannot be read: it {error}") from error
        if content is not None:
            return UserFile(path, content)
    return None
