"""Ended sessions: they stay listed, within bounds."""

from contextlib import suppress
from pathlib import Path

import pytest
import trio

from sandbox_agent.schema.problems import Problem

from ..house import House, house
from ..sessions.test_crashes import crash


async def live_and_end(h: House, session_id: str, prompt: str = "echo") -> None:
    log = await h.create(session_id)
    await h.turn(log, prompt, session_id)
    await h.daemon.terminate(session_id)


async def listed(h: House) -> list[str]:
    return [info.session_id for info in (await h.daemon.list_sessions()).sessions]


async def until_listed(h: House, *expected: str) -> None:
    """Newest first. Waits for as long as it may take; the last look must find exactly these."""
    with trio.move_on_after(20):
        while await listed(h) != list(expected):
            await trio.sleep(0.01)
    assert await listed(h) == list(expected)


async def test_the_oldest_ended_sessions_go_first_and_the_living_stay():
    async with house(ended_sessions_kept=2, retention_interval=0) as h:
        await h.create("living")
        for n in range(4):
            await live_and_end(h, f"ended-{n}")
        await until_listed(h, "ended-3", "ended-2", "living")
        with pytest.raises(Problem, match="session not found: ended-0"):
            await h.daemon.session_info("ended-0")


async def test_sessions_that_end_at_once_leave_as_many_as_the_bound():
    async with house(ended_sessions_kept=1, retention_interval=0) as h:
        for n in range(4):
            await h.create(f"s-{n}")
        async with trio.open_nursery() as nursery:
            for n in range(4):
                nursery.start_soon(h.daemon.terminate, f"s-{n}")
        with trio.move_on_after(20):
            while len(await listed(h)) != 1:
                await trio.sleep(0.01)
        assert len(await listed(h)) == 1


async def test_with_a_bound_of_none_an_ended_session_goes_by_itself():
    async with house(ended_sessions_kept=0, retention_interval=0) as h:
        await live_and_end(h, "only")
        await until_listed(h)


async def test_a_session_that_lived_long_and_ended_last_is_not_the_first_to_go():
    async with house(ended_sessions_kept=2) as h:
        log = await h.create("veteran")
        for n in range(2):
            await live_and_end(h, f"ended-{n}")
        await h.turn(log, "echo", "veteran")
        await h.daemon.terminate("veteran")
        await live_and_end(h, "last")
        await until_listed(h, "last", "veteran")


async def test_ended_sessions_are_bounded_by_bytes_too():
    async with house(ended_bytes_kept=600_000, retention_interval=0) as h:
        for n in range(4):
            await live_and_end(h, f"big-{n}", "burst 300 200")
        assert 200_000 < h.daemon._journal.size_of("big-3") < 300_000, "else these are no good sessions for this test"
        await until_listed(h, "big-3", "big-2")


async def test_the_bounds_hold_by_the_timer_though_no_session_ends():
    async with house(retention_interval=0.02) as h:
        for n in range(3):
            await live_and_end(h, f"ended-{n}")
        await until_listed(h, "ended-2", "ended-1", "ended-0")
        object.__setattr__(h.daemon.settings, "ended_sessions_kept", 1)
        await until_listed(h, "ended-2")


async def test_a_restart_with_a_smaller_bound_keeps_no_more(tmp_path: Path):
    async with house(data_dir=str(tmp_path)) as h:
        for n in range(3):
            await live_and_end(h, f"ended-{n}")
        await until_listed(h, "ended-2", "ended-1", "ended-0")
    async with house(data_dir=str(tmp_path), ended_sessions_kept=1, retention_interval=0) as h:
        await until_listed(h, "ended-2")


async def test_sessions_that_end_while_the_registry_is_restarted_count():
    async with house(ended_sessions_kept=1, retention_interval=0) as h:
        for n in range(3):
            await h.create(f"s-{n}")
        async with trio.open_nursery() as nursery:
            for n in range(3):
                nursery.start_soon(_terminate, h, f"s-{n}")
            await crash(h.daemon._registry)
        for n in range(3):
            await _terminate(h, f"s-{n}")
        with trio.move_on_after(20):
            while len(await listed(h)) != 1:
                await trio.sleep(0.01)
        assert len(await listed(h)) == 1


async def _terminate(h: House, session_id: str) -> None:
    """It may be ended, forgotten, or just be started again: the next time it is one of the others."""
    with suppress(Problem):
        await h.daemon.terminate(session_id)


async def test_too_many_living_sessions_are_refused_until_one_ends():
    async with house(max_sessions=1) as h:
        await h.create("one")
        with pytest.raises(Problem) as refused:
            await h.create("two")
        assert (refused.value.status, refused.value.kind) == (429, "too_many_sessions")
        await h.daemon.terminate("one")
        await h.create("two")
