"""``sandbox-agent install-agent``: what the daemon does on first use, done now. Needs no daemon."""

import os
from typing import Any

import click

from ...schema.agents.definitions import PINNED
from ...schema.settings import Settings
from ..failure import Failure
from ..setting_options import build_settings, some_setting_options
from ..suggestions import SuggestingChoice

INSTALL_SETTINGS = (
    "data_dir",
    "install_timeout",
    "max_install_bytes",
    "download_timeout",
    "probe_timeout",
    "npm",
    *(f"{agent}_download_url" for agent in PINNED),
)


@click.command("install-agent")
@click.argument("agent", required=False, type=SuggestingChoice(PINNED))
@click.option("--all", "every", is_flag=True, help="Install all of them.")
@click.option("-r", "--reinstall", is_flag=True, help="Install it anew when it is there.")
@click.option("-A", "--agent-version", metavar="VERSION", help="An exact version instead of the one made for.")
@some_setting_options(*INSTALL_SETTINGS)
def install_agent(agent: str | None, every: bool, reinstall: bool, agent_version: str | None, **given: Any) -> None:
    """Install an agent for the daemon to run.

    Does nothing when it is there already, here or on PATH. With --agent-version that version is installed beside
    others, and is used from then on by every session that names none.
    """
    if every == (agent is not None):
        raise click.UsageError("name one agent, or --all")
    if every and agent_version is not None:
        raise click.UsageError("--agent-version goes with one agent")
    agents = list(PINNED) if agent is None else [agent]
    failures = _install(agents, agent_version, reinstall, build_settings(given))
    if failures:
        raise Failure("\n".join(failures))


def _install(agents: list[str], version: str | None, reinstall: bool, settings: Settings) -> list[str]:
    # Slow to import, and --help must not be.
    from ...actors.files.home import settled
    from ...actors.installs.versions import VERSION
    from ..user_home import data_place
    from .progress import Installing

    data_place(settings)

    if version is not None and not VERSION.fullmatch(version):
        raise click.UsageError(f"--agent-version must be one exact version, such as 1.2.3; got {version!r}")
    return Installing(agents, version, reinstall, settings, settled(os.environ)).run()
