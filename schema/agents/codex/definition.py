"""Codex, as the daemon knows it."""

from typing import TYPE_CHECKING

from ...api.agent_info import AgentModeInfo, AgentModelInfo
from ...credentials.needs import Needs
from ...workspace.project import Configuration, ProjectFiles
from ..definition import DEFAULT, IMAGES, AgentDefinition
from ..model_query import ModelTalk
from ..packages import NpmPackage, VendorDownload

if TYPE_CHECKING:
    from ..dialect import MakeDialect

_EFFORTS = ("low", "medium", "high", "xhigh")


def _load_dialect() -> "MakeDialect":
    from .dialect import Codex

    return Codex


def _model_talk() -> ModelTalk:
    from .models import CodexModelTalk

    return CodexModelTalk()


_PROJECT = ProjectFiles(
    configuration=(
        Configuration(".codex/config.toml", "settings", parsed=True),
        Configuration(".codex/hooks.json", "hooks"),
        Configuration(".codex/hooks", "hooks"),
        Configuration(".codex/rules", "rules"),
        Configuration(".codex/agents", "agents"),
        Configuration(".codex/prompts", "commands"),
        Configuration(".codex/environments", "environments"),
    ),
    instructions=(("AGENTS.override.md", "AGENTS.md"),),
)

DEFINITION = AgentDefinition(
    id="codex",
    executable="codex",
    version="0.171.0",
    npm=NpmPackage(
        "@openai/codex",
        # codex-code-mode-host must stand beside it, and does.
        (
            "@openai/codex-linux-{machine}/vendor/{target}/bin/codex",
            "@openai/codex-linux-{machine}/vendor/{target}/codex/codex",
            "@openai/codex/vendor/{target}/codex/codex",
        ),
        size=423_000_000,
    ),
    download=VendorDownload(
        release="rust-v{version}",
        build="codex-package-{target}.tar.gz",
        file="codex-package-{target}.tar.gz",
        published="codex-package_SHA256SUMS",
        checksums="lines",
        program="bin/codex",
        archive=True,
    ),
    modes=(
        AgentModeInfo("build", "Build", "Works on the task; asks before it leaves its sandbox"),
        AgentModeInfo("plan", "Plan", "Codex's plan mode in every turn: reads, asks and plans, and changes nothing"),
    ),
    # For the day that codex itself cannot be asked; these are of 0.169.0.
    models=(
        DEFAULT,
        AgentModelInfo("gpt-6.1-sol", "GPT-6.1-Sol", (*_EFFORTS, "max", "ultra"), "low"),
        AgentModelInfo("gpt-6-luna", "GPT-6-Luna", (*_EFFORTS, "max"), "medium"),
        AgentModelInfo("gpt-5.5", "GPT-5.5", _EFFORTS, "medium"),
    ),
    default_model=DEFAULT.id,
    model_talk=_model_talk,
    needs=Needs(
        providers=("openai",),
        takes={("openai", "api_key"): ("OPENAI_API_KEY", "CODEX_API_KEY")},
        reads=("OPENAI_API_KEY", "CODEX_API_KEY"),
        remedy="set OPENAI_API_KEY for the daemon, or log in with `codex login` as its user",
        moved_by=("CODEX_HOME",),
        told=True,  # measured on 0.169.0
    ),
    inline_mimes=IMAGES,
    echoes=True,
    by_path=True,
    project=_PROJECT,
    load_dialect=_load_dialect,
)
