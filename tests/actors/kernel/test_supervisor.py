"""Supervision: OTP's meanings, on the autojump clock."""

from collections.abc import Callable

import pytest
import trio

from sandbox_agent.actors.kernel.actor import Actor
from sandbox_agent.actors.kernel.mailbox import Envelope, Mailbox
from sandbox_agent.actors.kernel.restart_intensity import RestartIntensity
from sandbox_agent.actors.kernel.supervisor import Chain, ChildSpec, RestartLimitReached, Supervisor


class Worker(Actor):
    """Crashes on ``crash``, stops on ``stop``, and notes its lives."""

    def __init__(self, mailbox: Mailbox, notes: list[str]) -> None:
        super().__init__(mailbox)
        self._notes = notes

    async def started(self) -> None:
        self._notes.append(f"{self.mailbox.name} started")

    async def stopped(self) -> None:
        self._notes.append(f"{self.mailbox.name} finished")

    async def failed(self, error: BaseException) -> None:
        self._notes.append(f"{self.mailbox.name} finished")

    async def handle(self, envelope: Envelope) -> None:
        if envelope.message == "crash":
            raise RuntimeError("bug")
        if envelope.message == "crash when cancelled":
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._crash_when_cancelled)
                await trio.sleep_forever()
        if envelope.message == "stop":
            self.stop()

    async def _crash_when_cancelled(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self._notes.append(f"{self.mailbox.name} crashed")
            raise RuntimeError("bug while it was put away")


def one_for_one(limit: int = 3) -> Supervisor:
    return Supervisor(lambda: RestartIntensity(limit, 60.0, 0.1, 5.0), 16)


async def settled() -> None:
    await trio.testing.wait_all_tasks_blocked()


@pytest.mark.parametrize(("restart", "lives"), [("permanent", 2), ("transient", 1), ("temporary", 1)])
async def test_who_lives_again_after_a_normal_end(autojump_clock, restart, lives):
    notes: list[str] = []
    async with trio.open_nursery() as nursery:
        supervisor = one_for_one()
        await nursery.start(supervisor.run)
        child = supervisor.start(ChildSpec("w", lambda mailbox: Worker(mailbox, notes), restart))
        await child.mailbox.tell("stop")
        await trio.sleep(1)
        assert notes.count("w started") == lives
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("restart", "lives"), [("permanent", 2), ("transient", 2), ("temporary", 1)])
async def test_who_lives_again_after_a_crash(autojump_clock, restart, lives):
    notes: list[str] = []
    async with trio.open_nursery() as nursery:
        supervisor = one_for_one()
        await nursery.start(supervisor.run)
        child = supervisor.start(ChildSpec("w", lambda mailbox: Worker(mailbox, notes), restart))
        await child.mailbox.tell("crash")
        await trio.sleep(1)
        assert notes.count("w started") == lives
        assert child.state == ("failed" if restart == "temporary" else "running")
        nursery.cancel_scope.cancel()


async def test_a_child_that_keeps_crashing_fails_and_its_sibling_does_not_notice(autojump_clock):
    notes: list[str] = []
    failed: list[BaseException] = []

    async def on_failed(error: BaseException) -> None:
        failed.append(error)

    async with trio.open_nursery() as nursery:
        supervisor = one_for_one(limit=3)
        await nursery.start(supervisor.run)
        bad = supervisor.start(ChildSpec("bad", lambda mailbox: Worker(mailbox, notes), "transient", on_failed))
        supervisor.start(ChildSpec("good", lambda mailbox: Worker(mailbox, notes), "transient"))
        for _ in range(4):
            await bad.mailbox.tell("crash")
        await bad.ended.wait()
        assert notes.count("bad started") == 4
        assert len(failed) == 1
        assert repr(bad) == "<Child bad transient failed starts=4>"
        assert notes.count("good started") == 1
        assert "good finished" not in notes
        nursery.cancel_scope.cancel()


async def test_a_child_that_crashes_while_it_is_stopped_takes_nobody_with_it(autojump_clock):
    notes: list[str] = []
    async with trio.open_nursery() as nursery:
        supervisor = one_for_one()
        await nursery.start(supervisor.run)
        bad = supervisor.start(ChildSpec("bad", lambda mailbox: Worker(mailbox, notes), "transient"))
        good = supervisor.start(ChildSpec("good", lambda mailbox: Worker(mailbox, notes), "transient"))
        await bad.mailbox.tell("crash when cancelled")
        await settled()
        await bad.stop()
        await settled()
        assert sorted(notes) == ["bad crashed", "bad finished", "bad started", "good started"]
        assert (bad.state, good.state) == ("ended", "running")
        nursery.cancel_scope.cancel()


async def test_children_that_crash_while_all_are_stopped_do_not_fail_the_stop(autojump_clock):
    notes: list[str] = []
    async with trio.open_nursery() as nursery:
        supervisor = one_for_one()
        await nursery.start(supervisor.run)
        for name in "ab":
            child = supervisor.start(ChildSpec(name, lambda mailbox: Worker(mailbox, notes), "permanent"))
            await child.mailbox.tell("crash when cancelled")
        await settled()
        nursery.cancel_scope.cancel()
    assert sorted(notes) == ["a crashed", "a finished", "a started", "b crashed", "b finished", "b started"]


async def test_a_child_that_crashes_while_it_is_renewed_has_crashed_and_lives_again(autojump_clock):
    notes: list[str] = []
    async with trio.open_nursery() as nursery:
        supervisor = one_for_one()
        await nursery.start(supervisor.run)
        child = supervisor.start(ChildSpec("w", lambda mailbox: Worker(mailbox, notes), "transient"))
        await child.mailbox.tell("crash when cancelled")
        await settled()
        child.renew()
        await trio.sleep(1)
        assert notes == ["w started", "w crashed", "w finished", "w started"]
        assert child.intensity.recent == 1
        nursery.cancel_scope.cancel()


async def test_the_obituary_names_the_crash_and_not_the_nurseries_around_it(autojump_clock):
    failed: list[BaseException] = []

    async def on_failed(error: BaseException) -> None:
        failed.append(error)

    async with trio.open_nursery() as nursery:
        supervisor = one_for_one(limit=0)
        await nursery.start(supervisor.run)
        child = supervisor.start(ChildSpec("w", lambda mailbox: Worker(mailbox, []), "transient", on_failed))
        await child.mailbox.tell("crash")
        await child.ended.wait()
        assert [repr(error) for error in failed] == ["RuntimeError('bug')"]
        nursery.cancel_scope.cancel()


async def test_a_permanent_child_that_ends_at_once_is_not_started_for_ever(autojump_clock):
    notes: list[str] = []
    failed: list[BaseException] = []

    async def on_failed(error: BaseException) -> None:
        failed.append(error)

    async with trio.open_nursery() as nursery:
        supervisor = one_for_one(limit=3)
        await nursery.start(supervisor.run)
        child = supervisor.start(ChildSpec("w", lambda mailbox: Worker(mailbox, notes), "permanent", on_failed))
        for _ in range(4):
            await child.mailbox.tell("stop")
        await child.ended.wait()
        assert (child.state, child.starts) == ("failed", 4)
        assert str(failed[0]) == "w keeps ending"
        nursery.cancel_scope.cancel()


async def test_crashes_far_apart_are_borne_for_ever(autojump_clock):
    notes: list[str] = []
    async with trio.open_nursery() as nursery:
        supervisor = one_for_one(limit=1)
        await nursery.start(supervisor.run)
        child = supervisor.start(ChildSpec("w", lambda mailbox: Worker(mailbox, notes), "permanent"))
        for _ in range(10):
            await child.mailbox.tell("crash")
            await trio.sleep(61)
        assert child.starts == 11
        assert child.state == "running"
        nursery.cancel_scope.cancel()


async def test_the_pause_before_a_restart_doubles_up_to_its_bound(autojump_clock):
    intensity = RestartIntensity(10, 60.0, backoff=0.1, backoff_max=0.5)
    pauses = []
    for _ in range(5):
        intensity.occurred()
        pauses.append(intensity.pause)
    assert pauses == [0.0, 0.1, 0.2, 0.4, 0.5]


async def test_a_failing_obituary_does_not_take_the_other_children_down(autojump_clock):
    notes: list[str] = []

    async def on_failed(error: BaseException) -> None:
        raise RuntimeError("the obituary failed too")

    async with trio.open_nursery() as nursery:
        supervisor = one_for_one(limit=0)
        await nursery.start(supervisor.run)
        bad = supervisor.start(ChildSpec("bad", lambda mailbox: Worker(mailbox, notes), "transient", on_failed))
        good = supervisor.start(ChildSpec("good", lambda mailbox: Worker(mailbox, notes), "transient"))
        await bad.mailbox.tell("crash")
        await bad.ended.wait()
        await settled()
        assert good.state == "running"
        nursery.cancel_scope.cancel()


def chain_of(names: str, notes: list[str], limit: int = 3) -> tuple[Chain, dict[str, Mailbox]]:
    chain = Chain(RestartIntensity(limit, 60.0))
    mailboxes = {name: Mailbox(name, 16) for name in names}

    def maker(name: str) -> Callable[[], object]:
        return lambda: Worker(mailboxes[name], notes).run

    for name in names:
        chain.add(name, maker(name))
    return chain, mailboxes


async def test_rest_for_one_restarts_what_comes_after_and_only_that(autojump_clock):
    notes: list[str] = []
    chain, mailboxes = chain_of("abc", notes)
    async with trio.open_nursery() as nursery:
        await nursery.start(chain.run)
        assert notes == ["a started", "b started", "c started"]
        notes.clear()
        await mailboxes["b"].tell("crash")
        await trio.sleep(1)
        assert notes == ["b finished", "c finished", "b started", "c started"]
        assert repr(chain) == "<Chain a(1) > b(2) > c(2)>"
        assert chain.restarts() == {"a": 0, "b": 1, "c": 1}
        nursery.cancel_scope.cancel()


async def test_a_chain_that_keeps_crashing_gives_up_and_names_the_actor(autojump_clock):
    chain, mailboxes = chain_of("ab", [], limit=1)
    with pytest.RaisesGroup(pytest.RaisesExc(RestartLimitReached, match="a keeps crashing"), flatten_subgroups=True):
        async with trio.open_nursery() as nursery:
            await nursery.start(chain.run)
            await mailboxes["a"].tell("crash")
            await mailboxes["a"].tell("crash")
