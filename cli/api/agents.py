"""``sandbox-agent api agents``."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import click

from .connection import area, with_client

if TYPE_CHECKING:
    from .client import Client


@area
def agents() -> None:
    """The agents that the daemon can run."""


@agents.command("list")
@with_client
def list_agents(client: Client) -> None:
    """List agents: installed, credentials, capabilities."""
    client.show("GET", "/v1/agents")


@agents.command("install")
@click.argument("agent")
@click.option("-r", "--reinstall", is_flag=True, help="Install it anew when it is there.")
@click.option("-A", "--agent-version", metavar="VERSION", help="An exact version.")
@with_client
def install(client: Client, agent: str, reinstall: bool, agent_version: str | None) -> None:
    """Install an agent; returns when it is there, and prints nothing."""
    body = {"reinstall": reinstall, "agentVersion": agent_version}
    client.show("POST", f"/v1/agents/{quote(agent, safe='')}/install", body=body, patient=True)


@agents.command("modes")
@click.argument("agent")
@with_client
def list_modes(client: Client, agent: str) -> None:
    """List an agent's modes."""
    client.show("GET", f"/v1/agents/{quote(agent, safe='')}/modes")


@agents.command("models")
@click.argument("agent")
@with_client
def list_models(client: Client, agent: str) -> None:
    """List an agent's models."""
    client.show("GET", f"/v1/agents/{quote(agent, safe='')}/models")
