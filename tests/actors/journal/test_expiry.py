"""What is let go: for its age, by a clock that may jump, and of a session that lives for long."""

import sqlite3
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from sandbox_agent.actors.journal.event_log import Expired
from sandbox_agent.actors.journal.interface import Entry
from sandbox_agent.actors.journal.sqlite_file import FILE
from sandbox_agent.actors.kernel.age import Age

from ..house import House, house
from .journal_life import all_of, event, life, row

DAY = 86_400
on_disk = partial(house, ephemeral=False)


async def test_an_age_is_that_of_the_wall_clock_as_long_as_it_can_be_believed(autojump_clock: MockClock):
    age = Age(now_ms=100 * DAY * 1000, latest_ms=100 * DAY * 1000 - 5_000)
    assert age.of(90 * DAY * 1000) == pytest.approx(10 * DAY)
    await trio.sleep(3 * DAY)
    assert age.of(90 * DAY * 1000) == pytest.approx(13 * DAY)
    assert repr(age) == f"<Age at {103 * DAY}>"


async def test_a_clock_that_jumped_between_two_lives_makes_nothing_older_than_by_a_day(autojump_clock: MockClock):
    age = Age(now_ms=5000 * DAY * 1000, latest_ms=100 * DAY * 1000)
    assert age.of(90 * DAY * 1000) == pytest.approx(11 * DAY)


async def test_a_clock_that_was_set_back_makes_nothing_older(autojump_clock: MockClock):
    assert Age(now_ms=0, latest_ms=100 * DAY * 1000).of(90 * DAY * 1000) < 0


async def end_one(h: House, session_id: str) -> None:
    await h.turn(await h.create(session_id), "echo", session_id)
    await h.daemon.terminate(session_id)


async def listed(h: House) -> list[str]:
    return [info.session_id for info in (await h.daemon.list_sessions()).sessions]


async def test_ended_sessions_go_when_they_are_old_and_the_living_stay(tmp_path: Path):
    async with on_disk(data_dir=str(tmp_path), ended_age=0.3, retention_interval=0.05) as h:
        await h.turn(await h.create("living"), "echo", "living")
        await end_one(h, "ended")
        while await listed(h) != ["living"]:
            await trio.sleep(0.01)


async def test_what_is_old_at_the_start_goes_then(tmp_path: Path):
    async with on_disk(data_dir=str(tmp_path)) as h:
        await end_one(h, "old")
        await end_one(h, "new")
    with sqlite3.connect(tmp_path / FILE) as connection:
        connection.execute("UPDATE sessions SET updated_ms = updated_ms - 40 * 86400000 WHERE session_id='old'")
    connection.close()
    async with on_disk(data_dir=str(tmp_path)) as h:
        while await listed(h) != ["new"]:
            await trio.sleep(0.01)


async def test_a_living_session_lets_its_oldest_events_go_and_readers_are_told(tmp_path: Path):
    async with life(tmp_path, session_bytes=100_000, tail_bytes=10_000) as journal:
        log = await journal.create(row())
        other = await journal.create(row("other"))
        await journal.write(Entry("other", events=[event(1)]))
        for n in range(1, 301):
            await journal.write(Entry("s", row(settled=n), [event(n, size=1000)]))
        # One that makes it too large whatever was let go before: it is cut to nine tenths.
        await journal.write(Entry("s", row(settled=301), [event(301, size=30_000)]))
        while journal.size_of("s") > 90_000:
            await trio.sleep(0.01)
        await journal.write(Entry("s"))
        assert 50_000 < journal.size_of("s") <= 90_000
        assert (log.first, log.last) == (log.gone + 1, 301)
        with pytest.raises(Expired):
            await log.read(0, 1000)
        with pytest.raises(Expired):
            await journal.feed.read(1, 1000)
        rest = await all_of(log, log.gone)
        assert [n for n, _ in rest] == list(range(log.first, 302))
        assert (other.first, other.gone) == (1, 0)
        first, feed_gone, size = log.first, journal.feed.gone, journal.size_of("s")
    async with life(tmp_path, session_bytes=100_000) as journal:
        log = {r.session_id: log for r, log in await journal.rows()}["s"]
        assert (log.first, log.last, journal.feed.gone, journal.size_of("s")) == (first, 301, feed_gone, size)


async def test_what_a_later_life_has_to_read_is_kept_however_large_it_is(tmp_path: Path):
    async with life(tmp_path, session_bytes=10_000) as journal:
        log = await journal.create(row())
        for n in range(1, 101):
            await journal.write(Entry("s", row(settled=min(n, 20)), [event(n, size=1000)]))
        while log.first <= 20:
            await trio.sleep(0.01)
        assert log.first == 21


async def test_the_newest_position_that_is_gone_is_kept_whatever_goes_after_it(tmp_path: Path):
    async with life(tmp_path) as journal:
        for name in ("a", "b", "c"):
            await journal.create(row(name))
            await journal.write(Entry(name, events=[event(1)]))
        await journal.delete("b")
        await journal.delete("a")
        assert journal.feed.gone == 2
    async with life(tmp_path) as journal:
        assert journal.feed.gone == 2


async def test_the_room_of_what_was_deleted_comes_back(tmp_path: Path):
    async with life(tmp_path) as journal:
        await journal.create(row())
        await journal.create(row("small"))
        for n in range(200):
            await journal.write(Entry("s", events=[event(n + 1, size=100_000)]))
        full = sum(path.stat().st_size for path in tmp_path.glob(f"{FILE}*"))
        assert full > 20_000_000
        await journal.delete("s")
        while (tmp_path / FILE).stat().st_size > 2_500_000:
            await trio.sleep(0.02)
        await journal.write(Entry("small", events=[event(1)]))
        ((_, log),) = await journal.rows()
        assert (await log.read(0, 1000)).events == [event(1)]


async def test_the_write_ahead_log_stays_small_while_readers_read_all_the_time(tmp_path: Path):
    async with life(tmp_path, tail_bytes=1000) as journal:
        log = await journal.create(row())
        async with trio.open_nursery() as nursery:

            async def read_all_the_time() -> None:
                while True:
                    await log.read(0, 1 << 18)

            for n in range(400):
                await journal.write(Entry("s", events=[event(n + 1, size=500_000)]))
                if n == 5:
                    nursery.start_soon(read_all_the_time)
                    nursery.start_soon(read_all_the_time)
            nursery.cancel_scope.cancel()
        assert (tmp_path / f"{FILE}-wal").stat().st_size < 120_000_000
