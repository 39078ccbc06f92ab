"""Codex, as the daemon knows it."""

from ...api.agent_info import AgentCapabilities, AgentModeInfo, AgentModelInfo
from ..definition import AgentDefinition
from ..dialect import MakeDialect
from ..prompts import IMAGES
from .launch import DEFAULT_MODEL, PERMISSION_MODES, PROJECT
from .models import DEFAULT, CodexModelTalk

_EFFORTS = ("low", "medium", "high", "xhigh")


def codex_definition() -> AgentDefinition:
    return AgentDefinition(
        id="codex",
        executable="codex",
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
            AgentModeInfo("build", "Build", "Works on the task; asks before it leaves its sandbox"),
            AgentModeInfo(
                "plan", "Plan", "Codex's plan mode in every turn: reads, asks and plans, and changes nothing"
            ),
        ),
        permission_modes=tuple(PERMISSION_MODES),
        # For the day that codex itself cannot be asked; these are of 0.169.0.
        models=(
            DEFAULT,
            AgentModelInfo("gpt-6.1-sol", "GPT-6.1-Sol", (*_EFFORTS, "max", "ultra"), "low"),
            AgentModelInfo("gpt-6-luna", "GPT-6-Luna", (*_EFFORTS, "max"), "medium"),
            AgentModelInfo("gpt-5.5", "GPT-5.5", _EFFORTS, "medium"),
        ),
        default_model=DEFAULT_MODEL,
        load_dialect=_load_dialect,
        inline_mimes=IMAGES,
        echoes=True,
        by_path=True,
        project=PROJECT,
        model_talk=CodexModelTalk,
    )


def _load_dialect() -> MakeDialect:
    from .dialect import Codex

    return Codex
