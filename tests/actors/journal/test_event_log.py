"""The log: dense, bounded, and every reader gets exactly the suffix that it asked for."""

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.actors.journal.event_log import EventLog, Expired
from sandbox_agent.schema.encode import EncodedEvent

from ...patience import PATIENCE


def event(number: int, size: int = 10) -> EncodedEvent:
    return EncodedEvent(number, "item.delta", False, b"x" * size, None)


def numbers(log: EventLog, after: int, max_bytes: int = 1 << 30) -> list[int]:
    batch = log.read_tail(after, max_bytes)
    assert batch is not None
    assert list(batch.positions) == [e.sequence for e in batch.events]
    return list(batch.positions)


@given(appended=st.integers(0, 60), after=st.integers(0, 70), max_bytes=st.integers(1, 4000))
def test_reading_in_batches_gives_exactly_the_suffix(appended: int, after: int, max_bytes: int):
    log = EventLog("log", 1 << 30)
    log.append([event(n) for n in range(1, appended + 1)])
    got: list[int] = []
    cursor = after
    while batch := numbers(log, cursor, max_bytes):
        got += batch
        cursor = batch[-1]
    assert got == list(range(after + 1, appended + 1))


async def test_an_event_larger_than_a_batch_is_still_read():
    log = EventLog("log", 1 << 30)
    log.append([event(1, 5000), event(2, 5000)])
    assert numbers(log, 0, max_bytes=100) == [1]
    assert numbers(log, 1, max_bytes=100) == [2]


async def test_old_events_expire_by_size_and_a_cursor_into_them_is_refused():
    log = EventLog("log", 2000)
    log.append([event(n, 300) for n in range(1, 11)])
    assert log.last == 10
    assert 1 < log.first <= 10
    with pytest.raises(Expired, match=f"no longer keeps position {log.first - 1}, which follows 0"):
        log.read_tail(0, 1000)
    assert numbers(log, log.first - 1) == list(range(log.first, 11))


async def test_the_newest_event_never_expires():
    log = EventLog("log", 100)
    log.append([event(1, 5000)])
    assert numbers(log, 0) == [1]


async def test_no_wake_is_lost_between_reading_and_waiting():
    log = EventLog("log", 1 << 30)
    got: list[int] = []
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def follow() -> None:
                while len(got) < 100:
                    await log.wait_beyond(len(got))
                    got.extend(numbers(log, len(got), max_bytes=500))

            for n in range(1, 101):
                log.append([event(n)])
                if n % 7 == 0:
                    await trio.lowlevel.checkpoint()
    assert got == list(range(1, 101))


async def test_closing_wakes_every_reader_for_good():
    log = EventLog("log", 1 << 30)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(log.wait_beyond, 0)
            nursery.start_soon(log.wait_beyond, 99)
            await trio.testing.wait_all_tasks_blocked()
            assert log.statistics()["waiting_readers"] == 2
            log.close()
        await log.wait_beyond(0)
    assert repr(log) == "<EventLog log closed 1..0, 0 bytes in memory>"
