"""Amp, as the daemon knows it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import evolve

from ...api.agent_info import AgentModeInfo, AgentModelInfo
from ...credentials.needs import Needs
from ...workspace.project import Configuration, ProjectFiles
from ..definition import CAPABILITIES, IMAGES, AgentDefinition
from ..packages import NpmPackage, VendorDownload

if TYPE_CHECKING:
    from ..dialect import MakeDialect

DEFAULT_MODEL = "amp-default"

MODES = ("low", "medium", "high", "ultra")
"""What amp calls its modes: each stands for a model, its effort and a prompt. Plugins add others."""

SETTINGS_FILES = (".amp/settings.json", ".amp/settings.jsonc")
PLUGINS = ".amp/plugins"
SKILLS = (".agents/skills", ".claude/skills")


def user_files(environment: Mapping[str, str]) -> Sequence[str]:
    """Where Amp reads the user's settings, best first."""
    if named := environment.get("AMP_SETTINGS_FILE"):
        return (named,)
    config = environment.get("XDG_CONFIG_HOME")
    if not config:
        if not (home := environment.get("HOME")):
            return ()
        config = f"{home}/.config"
    return tuple(f"{config}/amp/{name}" for name in ("settings.json", "settings.jsonc"))


def _load_dialect() -> "MakeDialect":
    from .dialect import Amp

    return Amp


_PROJECT = ProjectFiles(
    configuration=(*(Configuration(path, "settings") for path in SETTINGS_FILES), Configuration(PLUGINS, "plugins")),
    skills=SKILLS,
)

DEFINITION = AgentDefinition(
    id="amp",
    executable="amp",
    version="0.0.1790142911-g7618fb",
    npm=NpmPackage(
        "@ampcode/cli",
        ("@ampcode/cli-linux-{machine}{libc}/amp", "@ampcode/cli-linux-{machine}/amp"),
        size=102_000_000,
    ),
    download=VendorDownload(
        release="{version}",
        build="linux-{machine}{baseline}",
        file="amp-linux-{machine}{baseline}",
        published="linux-{machine}{baseline}-amp.sha256",
        checksums="beside",
        program="amp",
    ),
    capabilities=evolve(
        CAPABILITIES, plan_mode=False, questions=False, status=False, streaming_deltas=False, item_started=False
    ),
    modes=(AgentModeInfo("build", "Build", "Works on the task; asks before it acts, as the permission mode says"),),
    permission_modes=("default", "bypass", "acceptEdits"),
    # Amp's own modes choose the model. They are variants here, as wire 0.1 knows no agent mode of amp's but build.
    models=(AgentModelInfo(DEFAULT_MODEL, "Amp Default", MODES, "medium"),),
    default_model=DEFAULT_MODEL,
    # Early releases of Amp took Anthropic's key; today's need their own, and wait minutes for a login without it.
    needs=Needs(
        providers=("amp", "anthropic"),
        takes={("amp", "api_key"): ("AMP_API_KEY",)},
        reads=("AMP_API_KEY",),
        remedy="set AMP_API_KEY for the daemon, or log in with `amp login` as its user",
        moved_by=("XDG_DATA_HOME",),
    ),
    inline_mimes=IMAGES,
    echoes=True,
    hooked=True,
    user_files=user_files,
    project=_PROJECT,
    load_dialect=_load_dialect,
)
