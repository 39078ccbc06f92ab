"""Credentials of a real home directory: made for the test, with fake keys."""

import json
import os
from pathlib import Path

import pytest
import trio
import trio.testing

from sandbox_agent.actors.agents.credentials import Credentials
from sandbox_agent.actors.files.reader import ForeignFiles
from sandbox_agent.schema.problems import Problem
from sandbox_agent.schema.settings import Settings

from ...patience import PATIENCE

KEY = "sk-ant-fake-key-for-tests"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    (path / ".claude").mkdir(parents=True)
    return path


def here(home: Path, settings: Settings | None = None, **environment: str) -> Credentials:
    return Credentials({"HOME": str(home), **environment}, settings or Settings(), ForeignFiles(0))


async def refusal(credentials: Credentials, agent: str, directory: Path) -> dict[str, object]:
    with pytest.raises(Problem) as caught:
        await credentials.require(agent, str(directory))
    assert caught.value.kind == "credentials_missing"
    details = caught.value.body()["details"]
    assert isinstance(details, dict)
    return details


async def given(credentials: Credentials, agent: str) -> dict[str, str]:
    return (await credentials.grant(agent, "/")).environment


async def test_a_login_of_a_moment_ago_counts_when_an_agent_starts(home: Path):
    credentials = here(home)
    with trio.fail_after(PATIENCE):
        await refusal(credentials, "claude", home)
        (home / ".claude" / ".credentials.json").write_text(json.dumps({"claudeAiOauth": {"accessToken": "t"}}))
        await credentials.require("claude", str(home))


async def test_a_list_of_agents_looks_once_in_a_while_and_not_for_each_agent(
    home: Path, autojump_clock: trio.testing.MockClock
):
    credentials = here(home, Settings(credentials_age=5))
    assert repr(credentials) == "<Credentials not looked for>"
    assert not await credentials.available("claude")
    assert repr(credentials) == "<Credentials none>"
    (home / ".claude.json").write_text(json.dumps({"primaryApiKey": KEY}))
    assert not await credentials.available("claude")
    await trio.sleep(5.1)
    assert await credentials.available("claude")
    assert await credentials.available("mock")
    assert not await credentials.available("codex")
    assert repr(credentials) == "<Credentials anthropic>"


async def test_nothing_of_a_secret_is_in_a_repr(home: Path):
    credentials = here(home, ANTHROPIC_API_KEY=KEY)
    assert await credentials.available("claude")
    grant = await credentials.grant("claude", "/")
    assert KEY not in f"{credentials!r} {vars(credentials)['_last']!r} {grant!r}"


async def test_the_environment_is_handed_on_with_what_is_missing(home: Path):
    (home / ".codex").mkdir()
    (home / ".codex" / "auth.json").write_text(json.dumps({"OPENAI_API_KEY": "sk-fake-openai"}))
    credentials = here(home, CLAUDE_API_KEY=KEY, LANG="C")
    inherited = {"HOME": str(home), "LANG": "C"}
    with trio.fail_after(PATIENCE):
        assert await given(credentials, "claude") == inherited | {
            "CLAUDE_API_KEY": KEY,
            "ANTHROPIC_API_KEY": KEY,
        }
        assert await given(credentials, "codex") == inherited
        opencode = await given(credentials, "opencode")
        assert (opencode["ANTHROPIC_API_KEY"], opencode["OPENAI_API_KEY"]) == (KEY, "sk-fake-openai")
        assert await given(credentials, "mock") == inherited


async def test_what_is_no_regular_file_neither_blocks_nor_fills_us(home: Path, tmp_path: Path):
    work = tmp_path / "work"
    (work / ".claude").mkdir(parents=True)
    os.mkfifo(work / ".claude" / "settings.json")
    (work / ".claude" / "settings.local.json").symlink_to("/dev/zero")
    (home / ".claude" / ".credentials.json").mkdir()
    with trio.fail_after(PATIENCE):
        details = await refusal(here(home), "claude", work)
    assert details["troubles"] == [
        f"{home}/.claude/.credentials.json is not a regular file",
        f"{work}/.claude/settings.json is not a regular file",
        f"{work}/.claude/settings.local.json is not a regular file",
    ]


async def test_a_file_that_is_too_long_is_not_read_to_its_end(home: Path):
    (home / ".claude.json").write_text(json.dumps({"primaryApiKey": KEY, "history": "x" * 2000}))
    with trio.fail_after(PATIENCE):
        details = await refusal(here(home, Settings(credential_file_bytes=1000)), "claude", home)
        assert details["troubles"] == [
            f"{home}/.claude.json has {(home / '.claude.json').stat().st_size} bytes; at most 1000 are read"
        ]
        await here(home).require("claude", str(home))


async def test_a_path_that_leads_nowhere_is_no_trouble(home: Path):
    (home / ".codex").write_text("a file where a folder should be")
    loop = home / ".claude.json"
    loop.symlink_to(loop)
    with trio.fail_after(PATIENCE):
        details = await refusal(here(home), "claude", home / "gone")
    assert details["troubles"] == [f"{home}/.claude.json cannot be opened: Too many levels of symbolic links"]
