"""OpenCode, as the daemon knows it."""

from ...api.agent_info import AgentCapabilities, AgentModeInfo, AgentModelInfo
from ..definition import AgentDefinition
from ..dialect import MakeDialect
from ..prompts import IMAGES
from .launch import DEFAULT_MODEL, PERMISSION_MODES
from .models import OpenCodeModelTalk
from .untrusted import PROJECT


def opencode_definition() -> AgentDefinition:
    return AgentDefinition(
        id="opencode",
        executable="opencode",
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
            shared_process=False,  # a server of its own for each session
        ),
        modes=(
            AgentModeInfo("build", "Build", "Works on the task; asks before it acts, as the permission mode says"),
            AgentModeInfo("plan", "Plan", "OpenCode's plan agent: reads and plans, and edits nothing but its plans"),
            AgentModeInfo("custom", "Custom", "Any agent of the user's own OpenCode configuration, by its name"),
        ),
        permission_modes=tuple(PERMISSION_MODES),
        # What there is depends on the user's providers; the program is asked.
        models=(AgentModelInfo(DEFAULT_MODEL, "Default"),),
        default_model=DEFAULT_MODEL,
        load_dialect=_load_dialect,
        any_mode=True,
        inline_mimes=IMAGES,
        echoes=True,
        project=PROJECT,
        model_talk=OpenCodeModelTalk,
    )


def _load_dialect() -> MakeDialect:
    from .dialect import OpenCode

    return OpenCode
