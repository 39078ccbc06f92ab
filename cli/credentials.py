"""``sandbox-agent credentials``: what the daemon would find here, for people and for shells. Needs no daemon."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from ..actors.files.home import settled
from ..schema.agents.definitions import BY_ID, DEFINITIONS
from ..schema.credentials.credential import Credential, by_provider, redacted, shell_lines
from ..schema.settings import Settings
from .failure import Failure
from .here import absolute
from .suggestions import SuggestingChoice, SuggestingGroup

F = TypeVar("F", bound=Callable[..., Any])

NAMED = ("anthropic", "openai")
"""Providers that are members of their own in the output; all others stand under ``other`` (wire 0.1, section 11)."""

MOVING = frozenset(name for agent in DEFINITIONS for name in agent.needs.moved_by)
"""Variables that say where the files of our own home are."""

AGENTS = tuple(agent.id for agent in DEFINITIONS if agent.needs.takes)


def search_options(command: F) -> F:
    command = click.option("--no-oauth", is_flag=True, help="Leave out OAuth tokens.")(command)
    return click.option(
        "-d",
        "--home-dir",
        "home",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        help="Search the files of this home directory instead of yours.",
    )(command)


@click.group(cls=SuggestingGroup, no_args_is_help=True)
def credentials() -> None:
    """Find the credentials of agents in this environment and in the agents' files."""


@credentials.command()
@click.option("-a", "--agent", type=SuggestingChoice(AGENTS), help="Print only the secret that this agent would use.")
@click.option("-p", "--provider", help="Print only the secret of this provider.")
@click.option("-r", "--reveal", is_flag=True, help="Show whole secrets in the JSON, not only their ends.")
@search_options
def extract(agent: str | None, provider: str | None, reveal: bool, home: Path | None, no_oauth: bool) -> None:
    """Print what is found as JSON, with only the ends of secrets unless --reveal is given.

    With --agent or --provider, that one secret and nothing else, always whole: for a script that needs it.
    """
    found = search(home, no_oauth)
    if agent is None and provider is None:
        click.echo(json.dumps(summary(found, reveal), indent=2))
        return
    # As bytes: a variable need not be text in the terminal's encoding.
    click.echo(os.fsencode(chosen(found, agent, provider).secret))


@credentials.command("extract-env")
@click.option("-e", "--export", is_flag=True, help="Put `export` before each assignment.")
@search_options
def extract_env(export: bool, home: Path | None, no_oauth: bool) -> None:
    """Print what is found as assignments that a shell can `eval`."""
    for line in shell_lines(search(home, no_oauth).values(), export):
        click.echo(os.fsencode(line))


def search(home: Path | None, no_oauth: bool) -> dict[str, Credential]:
    environment: Mapping[str, str] = os.environ
    if home is not None:
        kept = {name: value for name, value in os.environ.items() if name not in MOVING}
        environment = kept | {"HOME": str(absolute(home))}
    import trio  # slow to import, like what reads files; --help must not be

    from ..actors.agents.credential_files import places_of, read_credentials
    from ..actors.files.reader import ForeignFiles
    from ..schema.credentials.discovery import Discovery

    environment = settled(environment)
    settings = Settings()

    async def read() -> Discovery:
        files = ForeignFiles(settings.foreign_file_timeout)
        return await read_credentials(environment, places_of(environment), files, settings.credential_file_bytes)

    discovery = trio.run(read)
    return by_provider(discovery.found, oauth=not no_oauth)


def summary(found: Mapping[str, Credential], reveal: bool) -> dict[str, Any]:
    def shown(credential: Credential | None) -> dict[str, Any] | None:
        return credential and {
            "provider": credential.provider,
            "source": credential.source,
            "auth_type": credential.auth_type,
            "api_key": credential.secret if reveal else redacted(credential.secret),
            "redacted": not reveal,
        }

    other = {provider: shown(credential) for provider, credential in found.items() if provider not in NAMED}
    return {**{provider: shown(found.get(provider)) for provider in NAMED}, "other": other}


def chosen(found: Mapping[str, Credential], agent: str | None, provider: str | None) -> Credential:
    """Raises :class:`Failure` when there is none, or more than one that the agent may mean."""
    needs = None if agent is None else BY_ID[agent].needs
    if agent is not None and needs is not None and needs.any_provider and provider is None:
        return _of_any(agent, found)
    if needs is not None and not needs.any_provider:
        (used,) = needs.handed
        if provider not in (None, used):
            raise Failure(f"agent {agent} does not use provider {provider}; it uses {used}")
        provider = used
    credential = found.get(provider or "")
    if credential is None:
        raise Failure(f"no credentials found for provider {provider}")
    return credential


def _of_any(agent: str, found: Mapping[str, Credential]) -> Credential:
    """Of an agent that takes any provider; the ones with a name of their own come first."""
    for provider in BY_ID[agent].needs.handed:
        if provider in found:
            return found[provider]
    others = [credential for provider, credential in found.items() if provider != "amp"]
    if not others:
        raise Failure(f"no credentials found for agent {agent}")
    if len(others) > 1:
        names = ", ".join(credential.provider for credential in others)
        raise Failure(f"agent {agent} has credentials of several providers ({names}); choose one with --provider")
    return others[0]
