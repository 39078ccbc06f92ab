"""A secret that an MCP server asks its user for, with real agents: it reaches the server, and nothing that we keep."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ..models.server import ModelServer
from .claude import home as claude_home
from .codex import home as codex_home
from .daemon import Event, Session, items, last_words, of_type, outcome, running_daemon
from .sandbox import Sandbox

pytestmark = pytest.mark.agents

SECRET = "k3pt-by-nobody"
"""Not the one that the server itself keeps silent about: this one it says again, and so does the model."""

ANSWERS = {"name": ["Ada"], "age": ["36"], "color": ["red"], "token": [SECRET]}

SERVER: dict[str, Callable[[Path], None]] = {
    "claude": claude_home.with_mcp_server,
    "codex": codex_home.with_mcp_server,
}


async def fill_in(session: Session, event: Event) -> None:
    data = event["data"]
    if "permission_id" in data:
        await session.post(f"/permissions/{data['permission_id']}/reply", reply="once")
        return
    assert [part["name"] for part in data["questions"] if part.get("secret")] == ["token"]
    answers = [ANSWERS[part["name"]] for part in data["questions"]]
    await session.post(f"/questions/{data['question_id']}/reply", answers=answers)


def kept(home: Path) -> dict[str, bytes]:
    """What the daemon wrote: its data, its state and its log."""
    places = [home / ".local" / "share" / "sandbox-agent", home / ".local" / "state" / "sandbox-agent"]
    files = [path for place in places for path in place.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in [*files, home / "daemon.log"]}


@pytest.mark.parametrize("agent", SERVER)
async def test_it_reaches_the_server_and_stands_in_no_event_no_journal_and_no_log(
    sandbox: Sandbox, models: ModelServer, agent: str
):
    SERVER[agent](sandbox.home)
    async with running_daemon(sandbox, "--log-level", "debug") as daemon:
        session = await daemon.session(sandbox, fill_in, agent=agent)
        turn = await session.turn("SCN_FORM signup")
        assert outcome(turn) == "completed"
        (resolved,) = [event["data"] for event in of_type(turn, "question.resolved")]
        assert resolved["redacted"] is True
        stored = await session.http.get(f"{session.url}/events", params={"include_raw": "true", "limit": "1000"})
        assert '"token": "[redacted]"' in items(turn, "tool_result")[0]["content"][0]["output"], "the server says it"
        assert "[redacted]" in last_words(turn), "and so does the model"
    assert SECRET in json.dumps(models.asked()), "which was told"
    assert SECRET not in json.dumps(session.events)
    assert SECRET not in stored.text
    files = kept(sandbox.home)
    assert any(b"Who are you?" in content for content in files.values()), "the journal is among them"
    assert b"question" in files[str(sandbox.home / "daemon.log")]
    assert [name for name, content in files.items() if SECRET.encode() in content] == []
