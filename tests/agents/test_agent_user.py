"""The real agents as a user of their own, with the capabilities that a container leaves root."""

import json
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from ..cli.containers import be_container, needs_root, open_place, open_way
from ..cli.users import STRANGER
from ..models.amp import AmpServer
from ..models.server import ModelServer
from .daemon import RunningDaemon, deciders, last_words, of_type, outcome, running_daemon
from .sandbox import Sandbox

pytestmark = [pytest.mark.agents, needs_root]

USER = "agent"


@pytest.fixture
async def sandbox(models: ModelServer) -> AsyncIterator[Sandbox]:
    """Its home and its work are the agents' user's; the daemon has a home of its own."""
    with open_place() as place:
        (place / "agents").mkdir(0o755)
        made = Sandbox.make(place / "agents", models.url)
        give(made.home, made.work)
        made.environment.update(HOME=str(place / "home"), TMPDIR=str(place / "tmp"))
        (place / "passwd").write_text(
            f"root:x:0:0::{place}/home:/bin/sh\n{USER}:x:{STRANGER}:{STRANGER}::{made.home}:/bin/sh\n"
        )
        yield made


def give(*directories: Path) -> None:
    for directory in directories:
        for path in (directory, *directory.rglob("*")):
            os.chown(path, STRANGER, STRANGER)


@asynccontextmanager
async def as_user(sandbox: Sandbox, level: str = "user") -> AsyncIterator[RunningDaemon]:
    options = ("--agent-user", USER, "--agent-isolation", level)
    prepare = partial(be_container if level == "user" else open_way, sandbox.home.parents[1] / "passwd")
    async with running_daemon(sandbox, *options, prepare=prepare) as daemon:
        yield daemon


def owners(sandbox: Sandbox) -> Iterator[int]:
    """Of all that agents have written."""
    for directory in (sandbox.home, sandbox.work):
        yield from (path.lstat().st_uid for path in directory.rglob("*") if path.name != "daemon.log")


@pytest.mark.parametrize("level", ["user", "namespace"])
async def test_claude_bypasses_what_it_refuses_to_root(sandbox: Sandbox, level: str):
    async with as_user(sandbox, level) as daemon:
        health = (await daemon.http.get("/v1/health")).json()["isolation"]
        assert (health["level"], health["user"]) == (level, f"{USER} (uid {STRANGER})")
        session = await daemon.session(sandbox, permissionMode="bypass")
        assert outcome(await session.turn("SCN_BASH touch made")) == "completed"
        assert of_type(session.events, "permission.requested") == []
    assert (sandbox.work / "made").stat().st_uid == STRANGER
    assert set(owners(sandbox)) == {STRANGER}


async def test_a_login_counts_where_the_agents_user_has_it(sandbox: Sandbox, amps: AmpServer):
    for name in ("AMP_API_KEY", "ANTHROPIC_API_KEY"):
        del sandbox.environment[name]
    places = [
        Path(home, ".local", "share", "amp", "secrets.json") for home in (sandbox.environment["HOME"], sandbox.home)
    ]
    for place in places:
        place.parent.mkdir(parents=True)
    secret = json.dumps({f"apiKey@{amps.url}": "sgamp_fake-key-for-tests"})
    async with as_user(sandbox) as daemon:
        places[0].write_text(secret)
        places[0].chmod(0o600)
        places[1].symlink_to(places[0])  # what only root may read is nobody else's login
        refused = await daemon.create(agent="amp", directory=str(sandbox.work))
        assert refused.status_code == 424, refused.text
        assert str(places[1]) in refused.text
        places[1].unlink()
        places[1].write_text(secret)
        give(sandbox.home)
        session = await daemon.session(sandbox, agent="amp")
        assert last_words(await session.turn("SCN_HELLO")) == "Hello from the model."


async def test_amps_hook_asks(sandbox: Sandbox, amps: AmpServer):
    async with as_user(sandbox) as daemon:
        session = await daemon.session(sandbox, agent="amp")
        turn = await session.turn("SCN_BASH touch made")
        assert deciders(turn) == ["token"]
    assert (sandbox.work / "made").stat().st_uid == STRANGER
    assert list(Path(sandbox.environment["TMPDIR"]).glob("sandbox-agent-*")) == []


@pytest.mark.parametrize("agent", ["codex", "opencode"])
async def test_the_others_talk_and_run_commands(sandbox: Sandbox, agent: str):
    shutil.rmtree(sandbox.home / ".claude", ignore_errors=True)
    async with as_user(sandbox) as daemon:
        session = await daemon.session(sandbox, agent=agent)
        assert last_words(await session.turn("SCN_HELLO")) == "Hello from the model."
        assert outcome(await session.turn("SCN_BASH touch made")) == "completed"
    assert set(owners(sandbox)) == {STRANGER}
