"""The clocks of an agent, on the autojump clock: which of them run, and when one is due."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from sandbox_agent.actors.agents.watchdogs import Watchdogs
from sandbox_agent.schema.settings import Settings
from sandbox_agent.schema.timeouts import SessionTimeouts, Timeouts

LIMITS = {"start": 60.0, "interrupt": 10.0, "idle": 20.0, "turn": 100.0, "suspend": 1000.0}


class Owner:
    """Looks when it is rung for, as a session does, and notes what was due and when."""

    def __init__(self, watchdogs: Watchdogs) -> None:
        self.watchdogs = watchdogs
        self.noted: list[tuple[str, float]] = []
        self.rung = 0

    async def ring(self) -> None:
        self.rung += 1
        if (due := self.watchdogs.take_due()) is not None:
            self.noted.append((due, trio.current_time()))


@asynccontextmanager
async def owner(**limits: float) -> AsyncIterator[Owner]:
    """The clock stands at 0 when it is made."""
    async with trio.open_nursery() as nursery:
        own = Owner(Watchdogs({**LIMITS, **limits}))  # pyright: ignore[reportArgumentType]
        nursery.start_soon(own.watchdogs.run, own.ring)
        yield own
        nursery.cancel_scope.cancel()


async def test_an_agent_that_never_gets_ready_is_overdue(autojump_clock: trio.testing.MockClock) -> None:
    async with owner() as own:
        begun = trio.current_time()
        await trio.sleep(61)
        assert own.noted == [("start", pytest.approx(begun + 60))]


async def test_an_agent_that_is_ready_in_time_rests_until_it_is_to_be_suspended(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with owner() as own:
        begun = trio.current_time()
        await trio.sleep(30)
        own.watchdogs.follow(ready=True, turn=None, asking=False)
        await trio.sleep(1001)
        assert own.noted == [("suspend", pytest.approx(begun + 1030))]
        assert repr(own.watchdogs) == "<Watchdogs suspend=999s>"


async def test_silence_and_length_of_a_turn_are_measured_apart(autojump_clock: trio.testing.MockClock) -> None:
    async with owner() as own:
        begun = trio.current_time()
        own.watchdogs.follow(ready=True, turn="t1", asking=False)
        for _ in range(11):
            await trio.sleep(10)
            own.watchdogs.heard()
        assert own.noted == [("turn", pytest.approx(begun + 100))]
        await trio.sleep(21)
        assert own.noted[1:] == [("idle", pytest.approx(begun + 130))]


async def test_both_stand_still_while_a_human_is_asked_and_the_turn_goes_on_from_where_it_was(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with owner(idle=0) as own:
        begun = trio.current_time()
        own.watchdogs.follow(ready=True, turn="t1", asking=False)
        await trio.sleep(40)
        own.watchdogs.follow(ready=True, turn="t1", asking=True)
        assert repr(own.watchdogs) == "<Watchdogs asleep>"
        await trio.sleep(100_000)
        own.watchdogs.follow(ready=True, turn="t1", asking=False)
        await trio.sleep(61)
        assert own.noted == [("turn", pytest.approx(begun + 40 + 100_000 + 60))]


async def test_an_agent_that_waited_for_an_answer_was_not_silent(autojump_clock: trio.testing.MockClock) -> None:
    async with owner() as own:
        own.watchdogs.follow(ready=True, turn="t1", asking=False)
        await trio.sleep(19)
        own.watchdogs.follow(ready=True, turn="t1", asking=True)
        await trio.sleep(5)
        own.watchdogs.follow(ready=True, turn="t1", asking=False)
        await trio.sleep(19)
        assert own.noted == []


async def test_a_turn_that_was_interrupted_has_only_the_time_to_stop(autojump_clock: trio.testing.MockClock) -> None:
    async with owner(idle=1) as own:
        begun = trio.current_time()
        own.watchdogs.follow(ready=True, turn="t1", asking=True)
        own.watchdogs.interrupt("t1")
        await trio.sleep(9)
        assert own.noted == []
        await trio.sleep(2)
        assert own.noted == [("interrupt", pytest.approx(begun + 10))]


async def test_the_next_turn_begins_with_all_its_time(autojump_clock: trio.testing.MockClock) -> None:
    async with owner(idle=0) as own:
        own.watchdogs.follow(ready=True, turn="t1", asking=False)
        own.watchdogs.interrupt("t1")
        await trio.sleep(9)
        own.watchdogs.follow(ready=True, turn="t2", asking=False)
        begun = trio.current_time()
        await trio.sleep(101)
        assert own.noted == [("turn", pytest.approx(begun + 100))]


async def test_clocks_that_are_off_never_ring(autojump_clock: trio.testing.MockClock) -> None:
    async with owner(**dict.fromkeys(LIMITS, 0.0)) as own:
        for turn in (None, "t1"):
            own.watchdogs.follow(ready=True, turn=turn, asking=False)
            await trio.sleep(10_000_000)
        assert own.rung == 0


async def test_what_was_heard_just_before_the_session_looks_counts(autojump_clock: trio.testing.MockClock) -> None:
    """The ring waits in the mailbox behind the lines that the agent has said meanwhile."""
    watchdogs = Watchdogs(LIMITS)  # pyright: ignore[reportArgumentType]
    watchdogs.follow(ready=True, turn="t1", asking=False)
    looked: list[str | None] = []

    async def ring() -> None:
        watchdogs.heard()
        looked.append(watchdogs.take_due())

    with trio.move_on_after(59):
        await watchdogs.run(ring)
    assert looked == [None, None]


def test_a_sessions_own_timeouts_win_and_the_rest_are_the_daemons() -> None:
    settings = Settings(idle_timeout=5, turn_timeout=7, suspend_after=9, ask_timeout=11, start_timeout=13)
    assert Timeouts.of(None, settings) == Timeouts(13, 5, 7, 9, 11)
    said = SessionTimeouts(idle_seconds=0, turn_seconds=1.5)
    assert Timeouts.of(said, settings) == Timeouts(13, 0, 1.5, 9, 11)


@pytest.mark.parametrize("seconds", [-1, 1e9, float("nan"), float("inf")])
def test_no_timeout_is_negative_or_longer_than_a_month(seconds: float) -> None:
    with pytest.raises(ValueError, match="expected 0"):
        SessionTimeouts(turn_seconds=seconds)
