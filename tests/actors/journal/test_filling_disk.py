"""An agent that says things without end fills neither the disk nor the memory: it has a bound, and so have all."""

import json
from pathlib import Path
from typing import Any

import pytest
import structlog.testing
import trio
from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.actors.journal.event_log import Expired
from sandbox_agent.actors.journal.interface import Entry
from sandbox_agent.actors.journal.retention import level

from ..house import House, house
from ..obedient import obedient
from .journal_life import event, life, row

FLOOD = "import os\nwhile True: say(type='delta', id=str(os.getpid()), text='x' * 1000)"


@given(st.lists(st.integers(0, 1000)), st.integers(0, 10_000))
def test_who_has_little_keeps_it(sizes: list[int], most: int):
    cut = level(sizes, most)
    assert sum(min(size, cut) for size in sizes) <= most
    if cut < max(sizes, default=0):
        assert sum(min(size, cut + 1) for size in sizes) > most


async def outcome(h: House, text: str, session_id: str = "s") -> dict[str, Any]:
    """The metadata of a turn that has ended; its beginning may be gone."""
    log = await h.daemon.log(session_id)
    after, turn_id = log.last, await h.send(text, session_id)
    while True:
        try:
            batch = await log.read(after, 1 << 16, raw=False)
        except Expired:
            after = log.resume(after)
            continue
        for told in (json.loads(e.plain) for e in batch.events if e.type == "turn.ended"):
            if told["data"]["turn_id"] == turn_id:
                return told["data"]["metadata"]
        after = batch.last
        await log.wait_beyond(after)


async def test_a_turn_that_never_ends_is_ended_by_the_bound_of_its_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    async with obedient(tmp_path, monkeypatch, data_dir=str(tmp_path / "data"), session_bytes=300_000) as h:
        await h.create()
        with structlog.testing.capture_logs() as logs:
            ended = await outcome(h, FLOOD)
        assert ended["outcome"] == "failed"
        assert ended["error"]["code"] == "session_too_large"
        assert "too many for what the session may have, --session-bytes 300000" in ended["error"]["message"]
        assert h.daemon._journal.size_of("s") < 2_000_000
        assert "session error" in [line["event"] for line in logs]
        # It goes on with the next prompt, and the flood expires.
        assert (await outcome(h, "say(type='delta', id='b', text='hi')"))["outcome"] == "completed"
        while h.daemon._journal.size_of("s") > 300_000:
            await trio.sleep(0.01)
        assert h.daemon.journal_health().expired["session_bytes"] > 0
        assert h.daemon.counters.errors["session_too_large"] == 1


async def test_an_agent_that_floods_again_and_again_ends_its_session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    settings = {"session_bytes": 100_000, "restart_backoff": 0.0, "agent_restarts": 3}
    async with obedient(tmp_path, monkeypatch, data_dir=str(tmp_path / "data"), **settings) as h:
        await h.create()
        for _ in range(3):
            assert (await outcome(h, FLOOD))["error"]["code"] == "session_too_large"
        await h.until_status("failed")


async def test_a_session_that_floods_takes_no_room_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    data = str(tmp_path / "data")
    async with obedient(tmp_path, monkeypatch, data_dir=data, session_bytes=0, sessions_bytes=1_000_000) as h:
        small = await h.create("small")
        await h.turn(small, "say(type='delta', id='a', text='hi')", "small")
        await h.create("s")
        ended = await outcome(h, FLOOD)
        assert ended["error"]["code"] == "session_too_large"
        assert "all living sessions together may have, --sessions-bytes 1000000" in ended["error"]["message"]
        await outcome(h, "say(type='delta', id='b', text='hi')")
        while h.daemon.journal_health().figures["living"] > 1_000_000:
            await trio.sleep(0.01)
        assert h.daemon.journal_health().expired["sessions_bytes"] > 0
        assert (small.first, small.gone) == (1, 0)


async def test_the_largest_sessions_give_way_and_health_tells_of_it_before(tmp_path: Path):
    async with life(tmp_path, sessions_bytes=1_000_000, tail_bytes=10_000) as journal:
        logs = {name: await journal.create(row(name)) for name in ("large", "larger", "small", "ended")}
        await journal.write(Entry("small", row("small", settled=1), [event(1, size=1000)]))
        await journal.write(Entry("ended", row("ended", settled=1, ended=True), [event(1, size=900_000)]))
        for n in range(1, 41):
            await journal.write(Entry("large", row("large", settled=n), [event(n, size=10_000)]))
        assert not journal.health().troubles
        for n in range(1, 51):
            await journal.write(Entry("larger", row("larger", settled=n), [event(n, size=10_000)]))
        (trouble,) = journal.health().troubles
        assert "--sessions-bytes" in trouble
        with structlog.testing.capture_logs() as told:
            for n in range(51, 101):
                await journal.write(Entry("larger", row("larger", settled=n), [event(n, size=10_000)]))
            while not journal.health().expired:
                await trio.sleep(0.01)
        assert journal.health().figures["living"] <= 1_000_000
        assert {(line["session_id"], line["setting"]) for line in told if "session_id" in line} == {
            ("larger", "sessions_bytes")
        }
        assert [logs[name].gone for name in ("large", "small", "ended")] == [0, 0, 0]
        with pytest.raises(Expired):
            await logs["larger"].read(0, 1000)
        assert journal.overfull("larger") is None


async def test_what_is_too_much_at_the_start_gives_way_then(tmp_path: Path):
    async with life(tmp_path) as journal:
        await journal.create(row())
        for n in range(1, 51):
            await journal.write(Entry("s", row(settled=n), [event(n, size=10_000)]))
    async with life(tmp_path, sessions_bytes=200_000) as journal:
        while journal.size_of("s") > 200_000:
            await trio.sleep(0.01)


async def test_sessions_in_memory_have_a_bound_together():
    async with house(logs_bytes=400_000) as h:
        small = await h.create("small")
        await h.turn(small, "hello", "small")
        large = await h.create("large")
        with structlog.testing.capture_logs() as told:
            while not large.gone:
                await outcome(h, "echo " + "x" * 20_000, "large")
        assert small.gone == 0
        assert h.daemon.journal_health().figures["bytes"] <= 400_000
        assert any("--logs-bytes" in problem for problem in h.daemon.health().problems)
        assert h.daemon.journal_health().expired["logs_bytes"] > 0
        assert [line["setting"] for line in told if "largest sessions" in line["event"]]
