"""Mailboxes: bounded, answered once, and never silent when the actor is gone."""

import pytest
import trio
from attrs import frozen

from sandbox_agent.actors.kernel.actor import Actor
from sandbox_agent.actors.kernel.mailbox import ActorCrashed, ActorGone, Envelope, Mailbox, Request
from sandbox_agent.schema.problems import Problem, invalid_request

from ...patience import PATIENCE


@frozen
class Double(Request[int]):
    number: int


class Doubler(Actor):
    async def handle(self, envelope: Envelope) -> None:
        match envelope.message:
            case Double(number) if number < 0:
                raise invalid_request("negative")
            case Double(number) if number == 0:
                raise RuntimeError("bug")
            case Double(number):
                envelope.answer(number * 2)
            case "stop":
                self.stop()


async def test_ask_gets_the_one_reply():
    mailbox = Mailbox("doubler", 4)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            await nursery.start(Doubler(mailbox).run)
            assert await mailbox.ask(Double(4)) == 8
            await mailbox.tell("stop")


async def test_a_refusal_is_the_askers_fault_and_the_actor_goes_on():
    mailbox = Mailbox("doubler", 4)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            await nursery.start(Doubler(mailbox).run)
            with pytest.raises(Problem, match="negative"):
                await mailbox.ask(Double(-1))
            assert await mailbox.ask(Double(1)) == 2
            await mailbox.tell("stop")


async def test_a_crash_reaches_the_asker_and_the_supervisor():
    mailbox = Mailbox("doubler", 4)
    with (
        trio.fail_after(PATIENCE),
        pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="bug"), flatten_subgroups=True),
    ):
        async with trio.open_nursery() as nursery:
            await nursery.start(Doubler(mailbox).run)
            with pytest.raises(ActorCrashed):
                await mailbox.ask(Double(0))


async def test_a_message_that_waits_when_the_mailbox_closes_fails_instead_of_hanging():
    mailbox = Mailbox("doubler", 4)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def ask_too_late() -> None:
                with pytest.raises(ActorGone):
                    await mailbox.ask(Double(1))

            await trio.testing.wait_all_tasks_blocked()
            mailbox.close()
        with pytest.raises(ActorGone):
            await mailbox.tell("anything")
        assert repr(mailbox) == "<Mailbox doubler closed>"


async def test_a_full_mailbox_makes_the_sender_wait_and_loses_nothing():
    mailbox = Mailbox("doubler", 1)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def flood() -> None:
                for number in (1, 2, 3):
                    await mailbox.tell(number)

            await trio.testing.wait_all_tasks_blocked()
            assert mailbox.statistics() == {"waiting": 1, "blocked_senders": 1}
            assert [(await mailbox.next()).message for _ in range(3)] == [1, 2, 3]


async def test_the_next_life_of_an_actor_finds_the_messages_that_waited():
    mailbox = Mailbox("doubler", 4)
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def first_life() -> None:
                with pytest.RaisesGroup(RuntimeError, flatten_subgroups=True):
                    await Doubler(mailbox).run()
                await Doubler(mailbox).run()

            async def crash() -> None:
                with pytest.raises(ActorCrashed):
                    await mailbox.ask(Double(0))

            nursery.start_soon(crash)
            await trio.testing.wait_all_tasks_blocked()
            assert await mailbox.ask(Double(21)) == 42
            nursery.cancel_scope.cancel()
