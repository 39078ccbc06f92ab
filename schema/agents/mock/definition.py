"""The mock agent as the daemon knows it (wire 0.1, section 3)."""

from ...api.agent_info import AgentCapabilities, AgentModeInfo, AgentModelInfo
from ..definition import AgentDefinition
from ..dialect import MakeDialect


def mock_definition() -> AgentDefinition:
    return AgentDefinition(
        id="mock",
        executable=None,
        capabilities=AgentCapabilities(
            plan_mode=True,
            permissions=True,
            questions=True,
            tool_calls=True,
            tool_results=True,
            text_messages=True,
            images=True,
            file_attachments=True,
            session_lifecycle=True,
            error_events=True,
            reasoning=True,
            status=True,
            command_execution=True,
            file_changes=True,
            mcp_tools=True,
            streaming_deltas=True,
            item_started=True,
            shared_process=False,
        ),
        modes=(
            AgentModeInfo("build", "Build", "Plays its script, for tests and user interfaces"),
            AgentModeInfo("plan", "Plan", "The same script: the mock agent plans nothing"),
        ),
        permission_modes=("default", "plan", "bypass"),
        permission_aliases=(("acceptEdits", "default"),),
        models=(AgentModelInfo("mock", "Mock"),),
        default_model="mock",
        load_dialect=_load_dialect,
    )


def _load_dialect() -> MakeDialect:
    from .dialect import Mock

    return Mock
