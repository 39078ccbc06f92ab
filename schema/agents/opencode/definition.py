"""OpenCode, as the daemon knows it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...api.agent_info import AgentModeInfo
from ...credentials.needs import Needs
from ...workspace.project import Configuration, ProjectFiles
from ..definition import DEFAULT, IMAGES, AgentDefinition
from ..model_query import ModelTalk
from ..packages import NpmPackage, VendorDownload

if TYPE_CHECKING:
    from ..dialect import MakeDialect

_KINDS: Mapping[str, Sequence[str]] = {
    "settings": ("opencode.json", "opencode.jsonc", ".opencode/opencode.json", ".opencode/opencode.jsonc"),
    "plugins": (".opencode/plugin", ".opencode/plugins"),
    "tools": (".opencode/tool", ".opencode/tools"),
    "agents": (".opencode/agent", ".opencode/agents", ".opencode/mode", ".opencode/modes"),
    "commands": (".opencode/command", ".opencode/commands"),
    "packages": (".opencode/package.json",),
}

OWN_SKILLS = (".opencode/skill", ".opencode/skills")
SHARED_SKILLS = (".agents/skills", ".claude/skills")


def _load_dialect() -> "MakeDialect":
    from .dialect import OpenCode

    return OpenCode


def _model_talk() -> ModelTalk:
    from .models import OpenCodeModelTalk

    return OpenCodeModelTalk()


_PROJECT = ProjectFiles(
    configuration=tuple(Configuration(path, kind) for kind, paths in _KINDS.items() for path in paths),
    instructions=(("AGENTS.md", "CLAUDE.md", "CONTEXT.md"),),
    skills=(*OWN_SKILLS, *SHARED_SKILLS),
)

DEFINITION = AgentDefinition(
    id="opencode",
    executable="opencode",
    version="1.18.33",
    npm=NpmPackage(
        "opencode-ai",
        ("opencode-linux-{machine}{baseline}{libc}/bin/opencode", "opencode-linux-{machine}{libc}/bin/opencode"),
        size=371_000_000,
        spare="opencode-linux-*",  # for x64 there are two, with and without AVX2, of 185 MB each
    ),
    download=VendorDownload(
        release="v{version}",
        build="opencode-linux-{machine}{baseline}{libc}.tar.gz",
        file="",  # the vendor says where it is
        published="",
        checksums="release",
        program="opencode",
        archive=True,
    ),
    # There is a server of its own for each session.
    modes=(
        AgentModeInfo("build", "Build", "Works on the task; asks before it acts, as the permission mode says"),
        AgentModeInfo("plan", "Plan", "OpenCode's plan agent: reads and plans, and edits nothing but its plans"),
        AgentModeInfo("custom", "Custom", "Any agent of the user's own OpenCode configuration, by its name"),
    ),
    any_mode=True,
    # What there is depends on the user's providers; the program is asked.
    models=(DEFAULT,),
    default_model=DEFAULT.id,
    model_talk=_model_talk,
    needs=Needs(
        providers=("anthropic", "openai"),
        takes={
            ("anthropic", "api_key"): ("ANTHROPIC_API_KEY",),
            ("openai", "api_key"): ("OPENAI_API_KEY",),
        },
        reads=("ANTHROPIC_API_KEY", "OPENAI_API_KEY"),
        any_provider=True,
        moved_by=("XDG_DATA_HOME",),
    ),
    inline_mimes=IMAGES,
    echoes=True,
    project=_PROJECT,
    load_dialect=_load_dialect,
)
