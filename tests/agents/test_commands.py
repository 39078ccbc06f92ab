"""`/name` in a prompt: the user's own commands, and `/compact`, with each agent that has them. All else is text."""

from pathlib import Path

import pytest

from ..models.server import ModelServer
from .daemon import RunningDaemon, Session, deciders, items, last_words, of_type, outcome
from .sandbox import Sandbox

pytestmark = pytest.mark.agents

COMMAND = "---\ndescription: says it again\n---\nSCN_ECHO heard: $ARGUMENTS\n"
ASKING = "---\ndescription: runs\n---\nSCN_BASH touch $1\n"


def labels(session: Session) -> list[str]:
    return [item["content"][0]["label"] for item in items(session.events, "status")]


def write(folder: Path, **commands: str) -> None:
    folder.mkdir(parents=True)
    for name, text in commands.items():
        (folder / f"{name}.md").write_text(text)


async def test_claude_runs_the_users_command_compacts_and_clears(daemon: RunningDaemon, sandbox: Sandbox):
    write(Path(sandbox.environment["CLAUDE_CONFIG_DIR"], "commands"), again=COMMAND)
    session = await daemon.session(sandbox)
    assert "heard: some words" in last_words(await session.turn("/again some words"))
    assert outcome(await session.turn("/compact")) == "completed"
    assert "compact_boundary" in labels(session)
    assert outcome(await session.turn("/clear")) == "completed"
    assert "conversation_reset" in labels(session)
    assert outcome(await session.turn("SCN_HELLO")) == "completed"
    assert of_type(session.events, "agent.unparsed") == []


async def test_opencode_runs_the_users_commands_asks_meanwhile_and_compacts(
    daemon: RunningDaemon, sandbox: Sandbox, models: ModelServer
):
    write(sandbox.home / ".config" / "opencode" / "command", again=COMMAND, run=ASKING)
    write(sandbox.work / ".opencode" / "command", evil="SCN_ECHO of the project")
    session = await daemon.session(sandbox, agent="opencode")
    assert last_words(await session.turn("/again some words")).rstrip() == "SCN_ECHO heard: some words"
    ran = await session.turn("/run made")
    assert deciders(ran) == ["token"], "a reply is taken while the command's turn goes on"
    assert (sandbox.work / "made").exists()
    compacted = await session.turn("/compact")
    assert (outcome(compacted), "compacted" in labels(session)) == ("completed", True)
    for text in ("/evil", "/nosuch command", "/clear"):
        assert last_words(await session.turn(f"{text}\nSCN_ECHO")).startswith(text), "it is plain text"
    assert outcome(await session.turn("/evil")) == "completed"
    assert "of the project" not in str(models.asked())
    assert of_type(session.events, "agent.unparsed") == []
    assert of_type(session.events, "error") == []


async def test_a_project_that_is_trusted_has_commands_too(daemon: RunningDaemon, sandbox: Sandbox):
    write(sandbox.work / ".opencode" / "command", own="SCN_ECHO of the project")
    session = await daemon.session(sandbox, agent="opencode", workspaceTrust="trusted")
    assert last_words(await session.turn("/own")).rstrip() == "SCN_ECHO of the project"


async def test_opencode_is_interrupted_in_a_command(daemon: RunningDaemon, sandbox: Sandbox):
    write(sandbox.home / ".config" / "opencode" / "command", hang="SCN_HANG")
    session = await daemon.session(sandbox, agent="opencode")
    await session.send("/hang")
    await session.wait_for("item.delta")
    await session.post("/interrupt")
    await session.wait_for("turn.ended")
    assert outcome(session.events) == "interrupted"
    assert outcome(await session.turn("SCN_HELLO")) == "completed"


async def test_codex_compacts_and_takes_all_else_as_text(daemon: RunningDaemon, sandbox: Sandbox):
    write(sandbox.home / ".codex" / "prompts", again=COMMAND)
    session = await daemon.session(sandbox, agent="codex")
    await session.turn("SCN_HELLO")
    compacted = await session.turn("/compact")
    assert (outcome(compacted), "thread.compacted" in labels(session)) == ("completed", True)
    for text in ("/prompts:again words", "/clear"):
        assert last_words(await session.turn(f"{text}\nSCN_ECHO")).startswith(text)
    assert outcome(await session.turn("SCN_HELLO")) == "completed"
    assert of_type(session.events, "agent.unparsed") == []
