"""``sandbox-agent api permissions`` and ``questions``: what waits for a human, over all sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..failure import Failure
from .connection import area, with_client

if TYPE_CHECKING:
    from .client import Client

QUESTIONS = "/v1/questions"

SHOWN = (
    "Warning: a secret answer in --answers can be seen by every process of this machine, and stays in the shell's "
    "history. --answers-file FILE keeps it to itself."
)


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
    client.show("GET", QUESTIONS)


def has_secret(client: Client, session: str, question: str) -> bool:
    """Whether a pending question asks for a secret; False where that cannot be learned, as with a token that may only
    answer: an answer is not kept back for that."""
    try:
        pending = client.call("GET", QUESTIONS)["questions"]
    except Failure:
        return False
    asked = [each["question"] for each in pending if each["sessionId"] == session]
    parts = [part for each in asked if each["question_id"] == question for part in each.get("questions") or ()]
    return any(part.get("secret") for part in parts)
