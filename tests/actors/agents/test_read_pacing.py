"""The pace of reading: who is slow is read at once, who is fast in larger pieces."""

import pytest
import trio
from trio.testing import MockClock

from sandbox_agent.actors.agents.read_pacing import FAST, FULL, ReadPacing

INTERVAL = 8.0


async def waited(pace: ReadPacing, count: int, *, handled_in: float = 0.0) -> float:
    """Seconds from one read that brought ``count`` lines to the next."""
    begun = trio.current_time()
    pace.read(count)
    await trio.sleep(handled_in)
    await pace.wait()
    return trio.current_time() - begun


def read_now() -> ReadPacing:
    """An agent that was read just now."""
    pace = ReadPacing(INTERVAL)
    pace.read(1)
    return pace


@pytest.mark.parametrize("count", [0, 1, FULL, 1000])
async def test_one_line_and_a_full_pipe_are_never_waited_for(autojump_clock: MockClock, count: int):
    pace = read_now()
    assert await waited(pace, count) == 0
    assert repr(pace) == "<ReadPacing slow>"


@pytest.mark.parametrize("count", [2, FULL - 1])
async def test_who_is_fast_is_read_once_in_an_interval(autojump_clock: MockClock, count: int):
    pace = read_now()
    assert await waited(pace, count) == pytest.approx(INTERVAL)
    assert repr(pace) == "<ReadPacing fast>"


async def test_the_time_that_handling_took_is_part_of_the_interval(autojump_clock: MockClock):
    assert await waited(read_now(), 2, handled_in=INTERVAL / 2) == pytest.approx(INTERVAL)
    assert await waited(read_now(), 2, handled_in=INTERVAL * 2) == pytest.approx(INTERVAL * 2)


async def test_who_says_several_things_together_after_a_silence_is_read_at_once(autojump_clock: MockClock):
    pace = read_now()
    await trio.sleep(INTERVAL)
    assert await waited(pace, FAST) == 0


async def test_who_becomes_slow_is_read_at_once_again(autojump_clock: MockClock):
    pace = read_now()
    assert await waited(pace, FAST + 1) == pytest.approx(INTERVAL)
    assert await waited(pace, FAST + 1) == pytest.approx(INTERVAL)
    # What gathered in the last interval is no more than one reads line by line.
    assert await waited(pace, FAST) == 0


async def test_zero_is_as_fast_as_can_be(autojump_clock: MockClock):
    pace = ReadPacing(0.0)
    pace.read(2)
    assert await waited(pace, 2) == 0
