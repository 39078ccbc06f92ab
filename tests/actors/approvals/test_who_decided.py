"""Who decided is in the log, also when nobody did."""

import json
import os
import shutil
import signal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sandbox_agent.actors.journal.event_log import EventLog

from ..house import House, house

on_disk = partial(house, ephemeral=False)


async def asking(h: House, kind: str = "permission", **request: Any) -> EventLog:
    log = await h.create(**request)
    await h.send(kind)
    await h.until_type(log, f"{kind}.requested", 2)
    return log


async def decided_by(log: EventLog, kind: str = "permission") -> list[dict[str, Any]]:
    """Of both that were asked."""
    while True:
        last = log.last
        events = [json.loads(event.plain) for event in (await log.read(0, 1 << 30)).events]
        found = [event["data"]["decided_by"] for event in events if event["type"] == f"{kind}.resolved"]
        if len(found) == 2:
            return found
        await log.wait_beyond(last)


@pytest.mark.parametrize("kind", ["permission", "question"])
async def test_the_timeout(kind: str):
    async with house(ask_timeout=0.2) as h:
        log = await asking(h, kind)
        assert await decided_by(log, kind) == [{"kind": "timeout"}] * 2


@pytest.mark.parametrize("kind", ["permission", "question"])
async def test_the_end_of_the_session(kind: str):
    async with house() as h:
        log = await asking(h, kind)
        await h.daemon.terminate("s")
        assert await decided_by(log, kind) == [{"kind": "session_end"}] * 2


async def test_an_agent_that_takes_its_asks_back():
    async with house() as h:
        log = await asking(h)
        await h.daemon.interrupt("s")
        assert await decided_by(log) == [{"kind": "agent"}] * 2


async def test_an_agent_that_died():
    async with house() as h:
        log = await asking(h)
        (agent,) = h.agents_alive()
        os.kill(agent, signal.SIGKILL)
        assert await decided_by(log) == [{"kind": "agent_exit", "reason": "agent exited"}] * 2


async def test_a_shutdown_and_a_restart(tmp_path: Path):
    data, killed = tmp_path / "data", tmp_path / "killed"
    async with on_disk(data_dir=str(data)) as h:
        log = await asking(h)
        await h.daemon.written("s", log)
        shutil.copytree(data, killed)
    for directory, kind in ((data, "shutdown"), (killed, "restart")):
        async with on_disk(data_dir=str(directory)) as h:
            assert await decided_by(await h.daemon.log("s")) == [{"kind": kind}] * 2


async def test_a_caller_in_the_daemons_own_process():
    async with house() as h:
        log = await asking(h)
        await h.daemon.reply_permission("s", "mock_1_permission", "once")
        await h.daemon.reply_permission("s", "mock_1_permission_denied", "reject")
        assert await decided_by(log) == [{"kind": "local"}] * 2
