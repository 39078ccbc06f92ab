"""Launching: from what is kept of a session to a running agent process."""

from ..schema.agents.dialect import AgentSpec
from .agent_process import AgentProcess
from .journal import SessionRow
from .link import AgentLink
from .mailbox import Mailbox
from .services import Services


async def launch(services: Services, row: SessionRow, mailbox: Mailbox) -> AgentLink:
    """Start the agent of a session; a conversation that it has written down is resumed.

    Raises :class:`SpawnFailed`, or the ``agent_not_installed`` or ``credentials_missing`` problem.
    """
    definition = services.catalog.definition(row.request.agent)
    grant = await services.credentials.grant(row.request.agent, row.directory)
    spec = AgentSpec(
        session_id=row.session_id,
        executable=await services.catalog.executable(definition, row.request.agent_version),
        directory=row.directory,
        agent_mode=row.request.agent_mode or "",
        permission_mode=row.request.permission_mode or "",
        seed=services.unique(),
        model=row.request.model,
        variant=row.request.variant,
        resume=row.resume,
        as_root=services.catalog.as_root,
        title=row.request.title,
        settings={"step_ms": f"{services.settings.mock_step_ms:g}"},
        environment=grant.environment,
        login_variable=grant.login_variable,
    )
    dialect = definition.make_dialect(spec)
    plan = dialect.launch()
    environment = {**plan.defaults, **spec.environment, **plan.env}
    process = await AgentProcess.spawn(
        plan.argv,
        {name: value for name, value in environment.items() if value is not None},
        row.directory,
        services.unique(),
        services.table,
        services.settings,
    )
    return AgentLink(process, dialect, mailbox, services.settings)
