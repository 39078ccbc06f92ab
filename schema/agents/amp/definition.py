"""Amp, as the daemon knows it."""

from ...api.agent_info import AgentCapabilities, AgentModeInfo, AgentModelInfo
from ..definition import AgentDefinition
from ..dialect import MakeDialect
from ..prompts import IMAGES
from .launch import DEFAULT_MODEL, MODES, PERMISSION_MODES
from .settings import user_files
from .untrusted import PROJECT


def amp_definition() -> AgentDefinition:
    return AgentDefinition(
        id="amp",
        executable="amp",
        capabilities=AgentCapabilities(
            plan_mode=False,
            permissions=True,
            questions=False,
            tool_calls=True,
            tool_results=True,
            text_messages=True,
            images=True,
            file_attachments=True,
            session_lifecycle=True,
            error_events=True,
            reasoning=True,
            status=False,
            command_execution=True,
            file_changes=True,
            mcp_tools=True,
            streaming_deltas=False,
            item_started=False,
            shared_process=False,
        ),
        modes=(AgentModeInfo("build", "Build", "Works on the task; asks before it acts, as the permission mode says"),),
        permission_modes=PERMISSION_MODES,
        # Amp's own modes choose the model. They are variants here, as wire 0.1 knows no agent mode of amp's but build.
        models=(AgentModelInfo(DEFAULT_MODEL, "Amp Default", MODES, "medium"),),
        default_model=DEFAULT_MODEL,
        load_dialect=_load_dialect,
        inline_mimes=IMAGES,
        echoes=True,
        hooked=True,
        user_files=user_files,
        project=PROJECT,
    )


def _load_dialect() -> MakeDialect:
    from .dialect import Amp

    return Amp
