"""``sandbox-agent api permissions`` and ``questions``: what waits for a human, over all sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .connection import area, with_client

if TYPE_CHECKING:
    from .client import Client


@area
def permissions() -> None:
    """Permissions that wait for a decision. Decide with `api sessions reply-permission`."""


@permissions.command("list")
@with_client
def list_permissions(client: Client) -> None:
    """List the pending permissions of all sessions."""
    client.show("GET", "/v1/permissions")


@area
def questions() -> None:
    """Questions that wait for an answer. Answer with `api sessions reply-question`."""


@questions.command("list")
@with_client
def list_questions(client: Client) -> None:
    """List the pending questions of all sessions."""
    client.show("GET", "/v1/questions")
