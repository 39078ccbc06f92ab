"""One life of an actor: which hook runs when it ends, and what its askers hear."""

import pytest
import trio
from attrs import frozen

from sandbox_agent.actors.kernel.actor import Actor, TaskCrashed
from sandbox_agent.actors.kernel.mailbox import ActorCrashed, ActorGone, ActorStopped, Envelope, Mailbox, Request
from sandbox_agent.schema.problems import Problem, invalid_request

from ...patience import PATIENCE

Notes = list[str]


@frozen
class Do(Request[str]):
    """``what`` is done while it is handled, or ``later``."""

    what: str
    later: bool = False


class Worker(Actor):
    """Notes its hooks. ``waits`` is what ``started`` waits for."""

    def __init__(self, mailbox: Mailbox, notes: Notes, waits: str = "") -> None:
        super().__init__(mailbox)
        self.notes = notes
        self.waits = waits
        self.release = trio.Event()

    async def started(self) -> None:
        self.notes.append("begun")
        self.nursery.start_soon(self._shielded_task)
        await self.work(self.waits)
        self.notes.append("started")

    async def stopped(self) -> None:
        await trio.lowlevel.checkpoint()  # a cancellation does not reach it
        self.notes.append("stopped")
        self.release.set()

    async def failed(self, error: BaseException) -> None:
        await trio.lowlevel.checkpoint()
        self.notes.append(f"failed: {type(error).__name__}")
        self.release.set()

    async def _shielded_task(self) -> None:
        """As the link to an agent: it sees its process out, and only the hook ends it."""
        with trio.CancelScope(shield=True):
            await self.release.wait()

    async def handle(self, envelope: Envelope) -> None:
        match envelope.message:
            case Do(what, later=True):
                self.later(envelope, lambda: self.work(what))
            case Do(what):
                envelope.answer(await self.work(what))
            case unknown:
                raise TypeError(f"Worker got {unknown!r}")

    async def work(self, what: str) -> str:
        match what:
            case "wait":
                await trio.sleep_forever()
            case "crash":
                raise RuntimeError("bug")
            case "crash in a nursery":
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_crash_when_cancelled)
                    await trio.sleep_forever()
            case "refuse":
                raise invalid_request("no")
            case "ask the dead":
                raise ActorGone("another has ended")
            case "crash in a task":
                self.nursery.start_soon(_crash)
                await trio.sleep_forever()
            case "stop":
                self.stop()
            case "stop beside a crash":
                self.nursery.start_soon(_crash)
                await trio.testing.wait_all_tasks_blocked()
                self.stop()
            case _:
                pass
        return what


async def _crash() -> None:
    raise RuntimeError("bug of a task")


async def _crash_when_cancelled() -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise RuntimeError("bug while it was put away")


async def life(notes: Notes, waits: str = "", *messages: object) -> None:
    """One life, which is cancelled when nothing happens any more. Raises what ends it."""
    mailbox = Mailbox("w", 16)
    worker = Worker(mailbox, notes, waits)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(worker.run)
            for message in messages:
                await mailbox.tell(message)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()


def crash_of(text: str) -> "pytest.RaisesGroup[RuntimeError]":
    return pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match=text), flatten_subgroups=True)


async def test_a_stop_is_an_orderly_end():
    notes: Notes = []
    await life(notes, "", Do("stop"))
    assert notes == ["begun", "started", "stopped"]


async def test_a_cancellation_of_an_actor_that_had_started_is_an_orderly_end():
    notes: Notes = []
    await life(notes)
    assert notes == ["begun", "started", "stopped"]


async def test_a_cancellation_in_the_midst_of_a_message_is_an_orderly_end():
    notes: Notes = []
    await life(notes, "", Do("wait"))
    assert notes == ["begun", "started", "stopped"]


async def test_one_that_is_cancelled_while_it_starts_is_not_stopped_as_if_it_had_started():
    notes: Notes = []
    await life(notes, "wait")
    assert notes == ["begun", "failed: Cancelled"]


async def test_a_crash_while_it_starts_is_a_failure():
    notes: Notes = []
    with crash_of("bug"):
        await life(notes, "crash")
    assert notes == ["begun", "failed: RuntimeError"]


async def test_a_refusal_while_it_starts_is_a_failure():
    notes: Notes = []
    with pytest.RaisesGroup(Problem, flatten_subgroups=True):
        await life(notes, "refuse")
    assert notes == ["begun", "failed: Problem"]


async def test_a_crash_in_a_message_is_a_failure():
    notes: Notes = []
    with crash_of("bug"):
        await life(notes, "", Do("crash"))
    assert notes == ["begun", "started", "failed: RuntimeError"]


async def test_a_crash_beside_a_cancellation_is_a_failure():
    notes: Notes = []
    with crash_of("bug while it was put away"):
        await life(notes, "", Do("crash in a nursery"))
    assert notes == ["begun", "started", "failed: BaseExceptionGroup"]


@pytest.mark.parametrize("what", ["crash in a task", "stop beside a crash"])
async def test_a_crash_of_its_own_task_is_a_failure_though_the_actor_itself_was_only_cancelled(what: str):
    notes: Notes = []
    with crash_of("bug of a task"):
        await life(notes, "", Do(what))
    assert notes == ["begun", "started", f"failed: {TaskCrashed.__name__}"]


async def test_a_crash_of_its_own_task_while_it_starts_is_a_failure():
    notes: Notes = []
    with crash_of("bug of a task"):
        await life(notes, "crash in a task")
    assert notes == ["begun", f"failed: {TaskCrashed.__name__}"]


async def test_a_crash_in_an_answer_that_comes_later_is_the_actors():
    notes: Notes = []
    with crash_of("bug"):
        await life(notes, "", Do("crash", later=True))
    assert notes == ["begun", "started", f"failed: {TaskCrashed.__name__}"]


async def answer(message: Do) -> tuple[object, bool]:
    """What the asker hears, and whether the actor lived on. It is cancelled when it has nothing left to do."""
    heard: list[object] = []
    mailbox = Mailbox("w", 16)
    lives = False

    async def ask() -> None:
        try:
            heard.append(await mailbox.ask(message))
        except Exception as error:  # noqa: BLE001 - it is looked at below
            heard.append(error)

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as asking:
            asking.start_soon(ask)
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(Worker(mailbox, []).run)
                    await trio.testing.wait_all_tasks_blocked()
                    lives = True
                    nursery.cancel_scope.cancel()
            except* RuntimeError:
                pass
            await trio.testing.wait_all_tasks_blocked()
            assert heard, "the asker waits for ever"
    return heard[0], lives


@pytest.mark.parametrize("later", [False, True])
async def test_every_asker_hears_how_his_request_ended(later: bool):
    assert await answer(Do("a word", later)) == ("a word", True)
    refused, lives = await answer(Do("refuse", later))
    assert (str(refused), lives) == ("invalid request: no", True)
    stopped, lives = await answer(Do("wait", later))
    assert (type(stopped), str(stopped), lives) == (ActorStopped, "w was stopped", True)
    crashed, lives = await answer(Do("crash", later))
    assert (type(crashed), str(crashed), lives) == (ActorCrashed, "w failed", False)
    crashed, lives = await answer(Do("crash in a nursery", later))
    assert (type(crashed), str(crashed)) == (ActorCrashed, "w failed")


async def test_that_another_actor_is_gone_is_told_to_the_asker_and_crashes_nobody():
    gone, lives = await answer(Do("ask the dead", later=True))
    assert (type(gone), str(gone), lives) == (ActorGone, "another has ended", True)


async def test_other_messages_are_handled_while_an_answer_waits():
    mailbox = Mailbox("w", 16)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            await nursery.start(Worker(mailbox, []).run)

            async def wait() -> None:
                with pytest.raises(ActorStopped):
                    await mailbox.ask(Do("wait", later=True))

            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            assert await mailbox.ask(Do("a word")) == "a word"
            await mailbox.tell(Do("stop"))
