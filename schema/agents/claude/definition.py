"""Claude Code, as the daemon knows it."""

from ...api.agent_info import AgentCapabilities, AgentModeInfo, AgentModelInfo
from ..definition import AgentDefinition, ModelList
from ..dialect import MakeDialect
from ..prompts import IMAGES
from .launch import DEFAULT_MODEL, PERMISSION_MODES
from .models import ask_models, read_models
from .project import PROJECT

_EFFORTS = ("low", "medium", "high", "xhigh", "max")


def claude_definition() -> AgentDefinition:
    return AgentDefinition(
        id="claude",
        executable="claude",
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
            AgentModeInfo("build", "Build", "Works on the task; asks before it acts, as the permission mode says"),
            AgentModeInfo(
                "plan", "Plan", "Starts in Claude's plan mode: reads and plans, and asks before it acts on it"
            ),
        ),
        permission_modes=tuple(PERMISSION_MODES),
        # Where Anthropic's list cannot be had: these names always stand for the newest model of their kind.
        models=(
            AgentModelInfo(DEFAULT_MODEL, "Default", _EFFORTS),
            AgentModelInfo("sonnet", "Sonnet", _EFFORTS),
            AgentModelInfo("opus", "Opus", _EFFORTS),
            AgentModelInfo("haiku", "Haiku"),
        ),
        default_model=DEFAULT_MODEL,
        load_dialect=_load_dialect,
        refuses_bypass_as_root=True,
        inline_mimes=IMAGES,
        project=PROJECT,
        model_list=ModelList(ask_models, read_models),
    )


def _load_dialect() -> MakeDialect:
    from .dialect import Claude

    return Claude
