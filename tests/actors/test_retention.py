"""Ended sessions: they stay listed, within bounds."""

import pytest
import trio
from sandbox_agent.schema.problems import Problem

from ..patience import PATIENCE
from .house import House, house


async def live_and_end(h: House, session_id: str, prompt: str = "echo") -> None:
    log = await h.create(session_id)
    await h.turn(log, prompt, session_id)
    await h.daemon.terminate(session_id)


async def listed(h: House) -> list[str]:
    return [info.session_id for info in (await h.daemon.list_sessions()).sessions]


async def test_the_oldest_ended_sessions_go_first_and_the_living_stay():
    async with house(ended_sessions_kept=2) as h:
        await h.create("living")
        for n in range(4):
            await live_and_end(h, f"ended-{n}")
        # The session that ended last may still be putting itself away when it is counted.
        assert (await listed(h))[-1] == "living"
        assert (await listed(h))[:2] == ["ended-3", "ended-2"]
        assert len(await listed(h)) <= 4
        with pytest.raises(Problem, match="session not found: ended-0"):
            await h.daemon.session_info("ended-0")


async def test_a_session_that_lived_long_and_ended_last_is_not_the_first_to_go():
    async with house(ended_sessions_kept=2) as h:
        log = await h.create("veteran")
        for n in range(2):
            await live_and_end(h, f"ended-{n}")
        await h.turn(log, "echo", "veteran")
        await h.daemon.terminate("veteran")
        await live_and_end(h, "last")
        with trio.fail_after(PATIENCE):
            while "ended-0" in await listed(h):
                await trio.sleep(0.01)
        assert "veteran" in await listed(h)


async def test_ended_sessions_are_bounded_by_bytes_too():
    async with house(ended_bytes_kept=200_000) as h:
        for n in range(4):
            await live_and_end(h, f"big-{n}", "burst 300 200")
        kept = await listed(h)
        assert kept[0] == "big-3"
        assert "big-0" not in kept


async def test_too_many_living_sessions_are_refused_until_one_ends():
    async with house(max_sessions=1) as h:
        await h.create("one")
        with pytest.raises(Problem) as refused:
            await h.create("two")
        assert (refused.value.status, refused.value.kind) == (429, "too_many_sessions")
        await h.daemon.terminate("one")
        await h.create("two")
