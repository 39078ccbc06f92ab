"""The event loop's clock: what counts as a pause, and what every timeout of an agent makes of one.

The system's clock is the tests' own: a pause is a jump of it, and no test waits for one.
"""

import math
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from sandbox_agent.actors.agents.watchdogs import Watchdogs
from sandbox_agent.actors.kernel.loop_clock import LoopClock
from sandbox_agent.actors.kernel.restart_intensity import RestartIntensity

from ..house import events_of, house, said

GAP, GRACE = 1.0, 0.5


class System:
    """The system's monotonic clock. It moves by what the test says, and by nothing else unless it ``moves`` as well."""

    def __init__(self, *, moves: bool = False) -> None:
        self._now = 0.0
        self._moves = moves

    def __call__(self) -> float:
        return self._now + (time.perf_counter() if self._moves else 0.0)

    def pause(self, seconds: float) -> None:
        """So much time in which the event loop does not look at its clock."""
        self._now += seconds

    async def work(self, seconds: float) -> None:
        """So much time in which everybody runs: in steps of which none is a pause."""
        while seconds > 0:
            step = min(seconds, GAP / 2)
            self._now += step
            seconds -= step
            await trio.lowlevel.checkpoint()


def on_loop_clock(test: Callable[[System], Awaitable[None]]) -> None:
    system = System()
    trio.run(test, system, clock=clock_of(system))


def clock_of(system: System) -> LoopClock:
    return LoopClock(GAP, GRACE, system)


def test_a_pause_does_not_count_and_neither_does_the_grace_after_it() -> None:
    system = System()
    clock = clock_of(system)
    begun = clock.current_time()
    system.pause(0.9)
    assert clock.current_time() == pytest.approx(begun + 0.9)
    system.pause(3600)
    assert clock.current_time() == pytest.approx(begun + 0.9)
    system.pause(GRACE)
    assert clock.current_time() == pytest.approx(begun + 0.9)
    system.pause(0.25)
    assert clock.current_time() == pytest.approx(begun + 1.15)
    assert (clock.pauses, clock.paused) == (1, 3600)


@pytest.mark.parametrize("late", [1.01, 1.5, 4.0, 59.0])
@pytest.mark.parametrize("between", [0.0, 0.7, GRACE + 2.0])
def test_a_loop_that_is_late_again_and_again_has_a_clock_that_moves(late: float, between: float) -> None:
    """A machine that is too busy, and who makes it so, keeps no timeout from being over."""
    system = System()
    clock = clock_of(system)
    begun = clock.current_time()
    for _ in range(100):
        system.pause(late)
        clock.current_time()
        for _ in range(10):
            system.pause(between / 10)
            clock.current_time()
    moved = clock.current_time() - begun
    # The first is a pause: nobody can tell yet.
    assert moved == pytest.approx(99 * GAP + 100 * between - GRACE)
    assert clock.paused == pytest.approx(100 * late - 99 * GAP)


def test_a_long_pause_is_one_also_on_a_busy_machine() -> None:
    system = System()
    clock = clock_of(system)
    for _ in range(10):
        system.pause(1.5)
        clock.current_time()
    before = clock.current_time()
    system.pause(3600)
    assert clock.current_time() == before
    system.pause(GRACE)
    assert clock.current_time() == before


def test_a_sleep_that_was_asked_for_is_no_pause_and_is_never_longer_than_one() -> None:
    system = System()
    clock = clock_of(system)
    begun = clock.current_time()
    for _ in range(100):
        asleep = clock.deadline_to_sleep_time(math.inf)
        assert 0 < asleep < GAP
        system.pause(asleep + 0.9)  # and late, on a busy machine
        clock.current_time()
    assert clock.pauses == 0
    assert clock.current_time() == pytest.approx(begun + 100 * (GAP / 2 + 0.9))


def test_after_a_pause_the_loop_sleeps_until_the_clock_moves_and_its_next_deadline() -> None:
    system = System()
    clock = clock_of(system)
    deadline = clock.current_time() + 0.1
    system.pause(100)
    assert clock.deadline_to_sleep_time(deadline) == pytest.approx(GAP / 2)
    system.pause(GAP / 2)
    assert clock.current_time() < deadline
    assert clock.deadline_to_sleep_time(deadline) == pytest.approx(0.1 + GRACE - GAP / 2)


def test_without_a_gap_it_is_a_plain_clock() -> None:
    system = System()
    clock = LoopClock(0.0, GRACE, system)
    begun = clock.current_time()
    assert clock.deadline_to_sleep_time(begun + 1000) == pytest.approx(1000)
    system.pause(5000)
    assert clock.current_time() == pytest.approx(begun + 5000)


def test_what_was_before_the_run_is_no_pause() -> None:
    system = System()
    clock = clock_of(system)
    system.pause(3600)
    clock.start_clock()
    clock.current_time()
    assert clock.pauses == 0


@given(st.lists(st.tuples(st.floats(0, 10), st.booleans())))
def test_it_never_goes_back_and_never_gains_on_the_system(steps: list[tuple[float, bool]]) -> None:
    system = System()
    clock = clock_of(system)
    before = clock.current_time()
    for seconds, asleep in steps:
        if asleep:
            assert 0 <= clock.deadline_to_sleep_time(before + seconds) <= GAP / 2
        system.pause(seconds)
        now = clock.current_time()
        assert 0 <= now - before <= seconds + 1e-9
        before = now


# Each timeout of an agent.

CLOCKS = {
    "start": {"ready": False, "turn": None, "asking": False},
    "idle": {"ready": True, "turn": "t", "asking": False},
    "turn": {"ready": True, "turn": "t", "asking": False},
    "interrupt": {"ready": True, "turn": "t", "asking": True},
    "suspend": {"ready": True, "turn": None, "asking": False},
}


@asynccontextmanager
async def watched(name: str) -> AsyncIterator[list[str | None]]:
    """What was due, of an agent all of whose other timeouts are off."""
    limits = {**dict.fromkeys(CLOCKS, 0.0), name: 100.0}
    watchdogs = Watchdogs(limits)  # pyright: ignore[reportArgumentType]
    watchdogs.follow(**CLOCKS[name])  # pyright: ignore[reportArgumentType]
    if name == "interrupt":
        watchdogs.interrupt("t")
    noted: list[str | None] = []

    async def ring() -> None:
        noted.append(watchdogs.take_due())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(watchdogs.run, ring)
        await wait_all_tasks_blocked()
        yield noted
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("name", CLOCKS)
def test_a_pause_is_over_no_timeout_and_the_time_that_was_left_still_counts(name: str) -> None:
    async def run(system: System) -> None:
        async with watched(name) as noted:
            await system.work(90)
            for _ in range(5):
                system.pause(100_000)
                await wait_all_tasks_blocked(0.01)
                assert noted == []
            await system.work(GRACE + 8)
            await wait_all_tasks_blocked(0.01)
            assert noted == []
            await system.work(3)
            await wait_all_tasks_blocked(0.01)
            assert noted == [name]

    on_loop_clock(run)


@pytest.mark.parametrize("name", CLOCKS)
def test_every_timeout_is_over_in_the_end_on_a_machine_that_is_too_busy(name: str) -> None:
    async def run(system: System) -> None:
        async with watched(name) as noted:
            for _ in range(110):
                system.pause(1.5)
                await wait_all_tasks_blocked()
            assert noted == [name]

    on_loop_clock(run)


def test_what_came_during_a_pause_is_heard_before_any_timeout_is_over() -> None:
    async def run(system: System) -> None:
        """The timeout would be over a moment after the pause; the words wait in a pipe, as an agent's do."""
        reading, writing = os.pipe()
        async with trio.lowlevel.FdStream(reading) as pipe:
            heard: list[bytes] = []
            with trio.move_on_after(0.001) as scope:
                os.write(writing, b"in time")
                system.pause(3600)
                await trio.lowlevel.checkpoint()
                heard.append(await pipe.receive_some(100))
            os.close(writing)
            assert heard == [b"in time"]
            assert not scope.cancelled_caught

    on_loop_clock(run)


def test_restarts_before_and_after_a_pause_are_as_close_as_they_were_for_who_runs() -> None:
    async def run(system: System) -> None:
        intensity = RestartIntensity(1, period=60.0)
        assert not intensity.occurred()
        system.pause(3600)
        await trio.lowlevel.checkpoint()
        assert intensity.occurred()

    on_loop_clock(run)


def test_a_pause_is_over_neither_an_ask_nor_the_time_to_exit_and_both_end_in_time_in_which_all_run() -> None:
    async def run(system: System) -> None:
        async with house(ask_timeout=20.0, mute_timeout=20.0) as h:
            log, mute = await h.create(), await h.create("mute")
            await h.send("permission")
            await h.send("mute", "mute")
            await h.until_type(log, "permission.requested", 2)
            await h.until_type(mute, "turn.started")
            for number in range(3):
                system.pause(100_000)
                await h.create(f"after {number}")  # a while in which everybody runs
            assert not [e for e in events_of(log) if e["type"] == "permission.resolved"]
            assert not [e for e in events_of(mute) if e["type"] == "turn.ended"]
            await system.work(24)
            assert said(await h.until_type(log, "turn.ended")) == "turn.ended completed"
            assert said(await h.until_type(mute, "turn.ended")) == "turn.ended failed"
            causes = [e["data"]["metadata"]["cause"] for e in events_of(log) if e["type"] == "permission.resolved"]
            assert causes == ["timeout", "timeout"]

    system = System(moves=True)
    trio.run(run, system, clock=clock_of(system))
