"""Claude Code, as the daemon knows it."""

from typing import TYPE_CHECKING

from ...api.agent_info import AgentModeInfo, AgentModelInfo
from ...credentials.needs import Needs
from ...workspace.project import Configuration, ProjectFiles
from ..definition import DEFAULT, IMAGES, AgentDefinition, ModelList
from ..packages import NpmPackage, VendorDownload

if TYPE_CHECKING:
    from ..dialect import MakeDialect

_EFFORTS = ("low", "medium", "high", "xhigh", "max")


def _load_dialect() -> "MakeDialect":
    from .dialect import Claude

    return Claude


def _model_list() -> ModelList:
    from .models import ask_models, read_models

    return ModelList(ask_models, read_models)


_PROJECT = ProjectFiles(
    configuration=(
        Configuration(".claude/settings.json", "settings"),
        Configuration(".claude/settings.local.json", "settings"),
        Configuration(".mcp.json", "mcp"),
        Configuration(".claude/agents", "agents"),
        Configuration(".claude/commands", "commands"),
        Configuration(".claude/output-styles", "outputStyles"),
        Configuration(".claude/workflows", "workflows"),
        Configuration(".claude/plugins", "plugins"),
    ),
    instructions=(("CLAUDE.md",), (".claude/CLAUDE.md",), ("CLAUDE.local.md",)),
    rules=(".claude/rules",),
    skills=(".claude/skills",),
    reach="root",
    imports=True,
)

DEFINITION = AgentDefinition(
    id="claude",
    executable="claude",
    version="2.1.332",
    npm=NpmPackage(
        "@anthropic-ai/claude-code", ("@anthropic-ai/claude-code-linux-{machine}{libc}/claude",), size=246_000_000
    ),
    download=VendorDownload(
        release="{version}",
        build="{platform}",
        file="{platform}/claude",
        published="manifest.json",
        checksums="manifest",
        program="claude",
    ),
    modes=(
        AgentModeInfo("build", "Build", "Works on the task; asks before it acts, as the permission mode says"),
        AgentModeInfo("plan", "Plan", "Starts in Claude's plan mode: reads and plans, and asks before it acts on it"),
    ),
    refuses_bypass_as_root=True,
    # Where Anthropic's list cannot be had: these names always stand for the newest model of their kind.
    models=(
        AgentModelInfo(DEFAULT.id, "Default", _EFFORTS),
        AgentModelInfo("sonnet", "Sonnet", _EFFORTS),
        AgentModelInfo("opus", "Opus", _EFFORTS),
        AgentModelInfo("haiku", "Haiku"),
    ),
    default_model=DEFAULT.id,
    model_list=_model_list,
    needs=Needs(
        providers=("anthropic",),
        takes={
            ("anthropic", "api_key"): ("ANTHROPIC_API_KEY",),
            ("anthropic", "oauth"): ("CLAUDE_CODE_OAUTH_TOKEN",),
        },
        reads=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"),
        remedy="set ANTHROPIC_API_KEY or CLAUDE_CODE_OAUTH_TOKEN for the daemon, or log in with `claude` as its user",
        moved_by=("CLAUDE_CONFIG_DIR",),
    ),
    inline_mimes=IMAGES,
    project=_PROJECT,
    load_dialect=_load_dialect,
)
