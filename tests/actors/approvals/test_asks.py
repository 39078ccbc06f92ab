"""Permissions and questions: resolved exactly once, by whoever was first, and never allowed by silence."""

import pytest
import trio
import trio.testing

from sandbox_agent.actors.approvals.broker import ApprovalRequested, ExecuteApproval, PermissionBroker
from sandbox_agent.actors.kernel.mailbox import ActorStopped, Mailbox
from sandbox_agent.schema.api.commands import PermissionReplyCommand
from sandbox_agent.schema.events import PermissionEventData
from sandbox_agent.schema.problems import Problem

from ...patience import PATIENCE
from ..house import events_of, house, said


async def test_each_answer_reaches_the_agent_and_the_log():
    async with house() as h:
        log = await h.create()
        await h.send("permission")
        await h.until_type(log, "permission.requested", 2)
        pending = (await h.daemon.pending_permissions()).permissions
        assert [(p.session_id, p.permission.permission_id) for p in pending] == [
            ("s", "mock_1_permission"),
            ("s", "mock_1_permission_denied"),
        ]
        await h.daemon.reply_permission("s", "mock_1_permission", "once")
        await h.daemon.reply_permission("s", "mock_1_permission_denied", "reject")
        await h.until_type(log, "turn.ended")
        resolved = [said(e) for e in events_of(log) if e["type"] == "permission.resolved"]
        assert resolved == [
            "permission.resolved mock_1_permission accept",
            "permission.resolved mock_1_permission_denied reject",
        ]
        assert (await h.daemon.pending_permissions()).permissions == ()


async def test_always_answers_the_next_one_of_its_kind_at_once():
    async with house() as h:
        log = await h.create()
        await h.send("permission")
        await h.until_type(log, "permission.requested", 2)
        await h.daemon.reply_permission("s", "mock_1_permission", "always")
        await h.daemon.reply_permission("s", "mock_1_permission_denied", "reject")
        await h.until_type(log, "turn.ended")
        await h.send("permission")
        await h.until_type(log, "permission.requested", 4)
        event = await h.until(log, lambda e: said(e).startswith("permission.resolved mock_2_permission "))
        assert event["data"]["status"] == "accept_for_session"
        assert [p.permission.permission_id for p in (await h.daemon.pending_permissions()).permissions] == [
            "mock_2_permission_denied"
        ]


async def test_always_in_one_session_grants_nothing_in_another():
    async with house() as h:
        log, other = await h.create(), await h.create("other")
        await h.send("permission")
        await h.until_type(log, "permission.requested", 2)
        await h.daemon.reply_permission("s", "mock_1_permission", "always")
        await h.send("permission", "other")
        await h.until_type(other, "permission.requested", 2)
        waiting = {
            (p.session_id, p.permission.permission_id) for p in (await h.daemon.pending_permissions()).permissions
        }
        assert ("other", "mock_1_permission") in waiting


async def test_many_answers_at_once_resolve_a_permission_once():
    async with house() as h:
        log = await h.create()
        await h.send("permission")
        await h.until_type(log, "permission.requested", 2)
        outcomes: list[str] = []

        async def reply() -> None:
            try:
                await h.daemon.reply_permission("s", "mock_1_permission", "once")
                outcomes.append("taken")
            except Problem as problem:
                outcomes.append(problem.detail)

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(reply)
        assert sorted(outcomes) == ["invalid request: unknown permission id: mock_1_permission"] * 9 + ["taken"]
        assert [said(e) for e in events_of(log)].count("permission.resolved mock_1_permission accept") == 1


async def test_questions_are_answered_and_rejected():
    async with house() as h:
        log = await h.create()
        await h.send("question")
        await h.until_type(log, "question.requested", 2)
        assert [q.question.prompt for q in (await h.daemon.pending_questions()).questions] == [
            "Choose a color",
            "Allow mock experiment?",
        ]
        await h.daemon.reply_question("s", "mock_1_question", [["Blue"]])
        await h.daemon.reply_question("s", "mock_1_question_reject", None)
        await h.until_type(log, "turn.ended")
        resolved = [e["data"] for e in events_of(log) if e["type"] == "question.resolved"]
        assert [(d["status"], d["response"]) for d in resolved] == [("answered", "Blue"), ("rejected", None)]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (lambda h: h.daemon.reply_permission("s", "nothing", "once"), "unknown permission id: nothing"),
        (lambda h: h.daemon.reply_question("s", "nothing", None), "unknown question id: nothing"),
        (lambda h: h.daemon.reply_question("s", "mock_1_permission", None), "unknown question id: mock_1_permission"),
        (lambda h: h.daemon.reply_permission("who", "mock_1_permission", "once"), "session not found: who"),
        (lambda h: h.daemon.reply_permission("other", "mock_1_permission", "once"), "unknown permission id"),
    ],
)
async def test_an_answer_to_nothing_is_refused_by_name(reply, told):
    async with house() as h:
        log = await h.create()
        await h.create("other")
        await h.send("permission")
        await h.until_type(log, "permission.requested", 2)
        with pytest.raises(Problem, match=told):
            await reply(h)


async def test_the_wrong_number_of_answers_is_refused_and_the_question_stays_open():
    async with house() as h:
        log = await h.create()
        await h.send("question")
        await h.until_type(log, "question.requested", 2)
        with pytest.raises(Problem, match="needs one list of answers, one per question; got 2"):
            await h.daemon.reply_question("s", "mock_1_question", [["Red"], ["Blue"]])
        await h.daemon.reply_question("s", "mock_1_question", [["Red"]])


async def test_an_ask_that_nobody_answers_is_denied_when_its_time_is_up():
    async with house(ask_timeout=0.2) as h:
        log = await h.create()
        with trio.fail_after(PATIENCE):
            events = await h.turn(log, "permission")
        resolved = [e["data"] for e in events if e["type"] == "permission.resolved"]
        assert [(d["status"], d["metadata"]["cause"]) for d in resolved] == [("reject", "timeout")] * 2


async def test_the_asks_of_an_agent_that_died_are_rejected():
    async with house() as h:
        log = await h.create()
        await h.send("permission")
        await h.until_type(log, "permission.requested", 2)
        await h.daemon.terminate("s")
        assert (await h.daemon.pending_permissions()).permissions == ()
        with pytest.raises(Problem, match="unknown permission id"):
            await h.daemon.reply_permission("s", "mock_1_permission", "once")


async def test_a_broker_that_is_stopped_in_the_midst_of_a_reply_leaves_nobody_waiting():
    broker, busy_session = Mailbox("broker", 4), Mailbox("session", 4)
    ask = PermissionEventData("p", "edit", "requested")

    async def reply() -> None:
        with pytest.raises(ActorStopped, match="broker was stopped"):
            await broker.ask(ExecuteApproval("s", PermissionReplyCommand("p", "once")))

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as asking, trio.open_nursery() as nursery:
            await nursery.start(PermissionBroker(broker).run)
            await broker.tell(ApprovalRequested("s", busy_session, ask, 0))
            asking.start_soon(reply)
            await trio.testing.wait_all_tasks_blocked()
            assert busy_session.statistics()["waiting"] == 1
            nursery.cancel_scope.cancel()
