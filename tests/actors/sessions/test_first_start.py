"""What whoever creates a session is told of an agent that cannot start, and what a healthy one costs him."""

import os
import signal

import pytest
import trio
import trio.testing

from sandbox_agent.actors.sessions.first_start import REMEMBERED, FirstStart, ProvenStarts
from sandbox_agent.schema.agents.mock.dialect import Mock
from sandbox_agent.schema.api.sessions import CreateSessionRequest, CreateSessionResponse

from ...patience import PATIENCE
from ..house import House, events_of, house, said

MOCK = CreateSessionRequest("mock")
LONG = 3600.0


async def create(h: House, session_id: str, variant: str | None = None) -> CreateSessionResponse:
    return await h.daemon.create_session(session_id, CreateSessionRequest("mock", variant=variant))


async def test_an_agent_that_exits_at_once_is_not_called_healthy() -> None:
    async with house(create_wait=LONG) as h:
        for session_id in ("s", "another"):
            created = await create(h, session_id, "crash")
            assert not created.healthy
            error = created.error
            assert error is not None
            assert (error.type, error.message) == ("agent_process_exited", "mock exited with exit code 1")
            assert (error.agent, error.session_id) == ("mock", session_id)
            stderr = "mock: told to crash at the start"
            assert error.details == {"code": "process_exit", "exitCode": 1, "stderr": stderr}
        # It is there all the same, and its prompts are told why they fail.
        log = await h.daemon.log("s")
        assert [said(e) for e in events_of(log)] == ["session.started", "error process_exit"]
        assert said((await h.turn(log, "echo never"))[-1]) == "turn.ended failed"


HANGS = "mock: told to hang at the start"


async def test_the_signal_that_ended_an_agent_in_its_start_is_told() -> None:
    async with house(create_wait=LONG, start_timeout=LONG) as h, trio.open_nursery() as nursery:
        answers: list[CreateSessionResponse] = []

        async def ask() -> None:
            answers.append(await create(h, "s", "hang"))
            nursery.cancel_scope.cancel()

        nursery.start_soon(ask)
        while not (agents := h.agents_alive()):
            await trio.sleep(0.01)
        for pid in agents:
            os.kill(pid, signal.SIGKILL)
        with trio.move_on_after(PATIENCE):
            await trio.sleep_forever()
    (created,) = answers
    assert created.error is not None
    assert created.error.message == "mock exited with signal 9"
    words = created.error.details.pop("stderr", HANGS)  # it may have come to that before the signal
    assert (created.error.details, words) == ({"code": "process_exit", "signal": 9}, HANGS)


async def test_an_agent_that_is_not_ready_in_time_is_told_when_that_is_sooner() -> None:
    async with house(create_wait=LONG, start_timeout=0.3) as h:
        created = await create(h, "s", "hang")
        assert created.error is not None
        assert (created.error.type, created.healthy) == ("timeout", False)


async def test_a_create_waits_no_longer_than_it_may() -> None:
    async with house(create_wait=0.1, start_timeout=LONG) as h:
        assert (await create(h, "s", "hang")).healthy
        assert (await h.daemon.session_info("s")).status == "starting"


async def test_an_agent_that_was_ready_once_delays_no_later_create(monkeypatch: pytest.MonkeyPatch) -> None:
    async with house(create_wait=LONG, start_timeout=LONG) as h:
        assert (await create(h, "first")).healthy
        assert (await h.daemon.session_info("first")).status == "idle"
        monkeypatch.setattr(Mock, "begin", lambda _: ())  # nobody greets it, so it will never be ready
        assert (await create(h, "second")).healthy
        assert (await h.daemon.session_info("second")).status == "starting"


async def test_a_create_whose_session_is_terminated_meanwhile_is_answered() -> None:
    async with house(create_wait=LONG, start_timeout=LONG) as h, trio.open_nursery() as nursery:
        nursery.start_soon(create, h, "s", "hang")
        while not h.agents_alive():
            await trio.sleep(0.01)
        await h.daemon.terminate("s")


async def test_the_wait_ends_with_what_shows_first(autojump_clock: trio.testing.MockClock) -> None:
    proven = ProvenStarts()
    start = FirstStart(MOCK, "s", proven, patience=10.0)
    begun = trio.current_time()
    assert await start.failure() is None
    assert trio.current_time() - begun == pytest.approx(10.0)
    start.became_ready()
    assert await start.failure() is None
    assert trio.current_time() - begun == pytest.approx(10.0)
    # The next of its kind does not wait, unless one has failed since.
    assert await FirstStart(MOCK, "t", proven, patience=10.0).failure() is None
    assert trio.current_time() - begun == pytest.approx(10.0)
    start.failed("process_exit", "gone", {})
    assert MOCK not in proven
    assert await start.failure() is None  # it is not how its first start ended


def test_only_the_kinds_of_agents_that_were_used_last_are_remembered() -> None:
    proven = ProvenStarts()
    kinds = [CreateSessionRequest("mock", model=f"m{number}") for number in range(REMEMBERED + 1)]
    for kind in kinds:
        proven.add(kind)
    assert kinds[0] not in proven
    assert all(kind in proven for kind in kinds[1:])
