"""Rules: `always` grants what was shown, is listed, can be taken back, and is forgotten with its session or daemon."""

import json
from functools import partial
from pathlib import Path

import pytest
import trio

from sandbox_agent.actors.approvals.always_rules import Grant
from sandbox_agent.actors.approvals.broker import (
    ApprovalRequested,
    Decide,
    ExecuteApproval,
    ListPermissions,
    ListRules,
    PermissionBroker,
)
from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.actors.kernel.mailbox import Mailbox
from sandbox_agent.schema.api.commands import PermissionReplyCommand
from sandbox_agent.schema.events import PermissionEventData
from sandbox_agent.schema.problems import Problem

from ...patience import PATIENCE
from ..house import Event, House, events_of, house, said

on_disk = partial(house, ephemeral=False)


async def asked(h: House, log: EventLog, number: int, prompt: str = "permission") -> None:
    """The mock agent asks for `echo mock` and for a file of another name each time; the second waits, or both."""
    await h.send(prompt)
    await h.until_type(log, "permission.requested", number)


async def allowed_always(h: House) -> EventLog:
    """A session with a rule, whose turn has ended."""
    log = await h.create()
    await asked(h, log, 2)
    await h.daemon.reply_permission("s", "mock_1_permission", "always")
    await h.daemon.reply_permission("s", "mock_1_permission_denied", "reject")
    await h.until_type(log, "turn.ended")
    return log


async def resolved(h: House, log: EventLog, approval_id: str) -> Event:
    return await h.until(log, lambda e: said(e).startswith(f"permission.resolved {approval_id} "))


async def pending(h: House) -> list[str]:
    return [p.permission.permission_id for p in (await h.daemon.pending_permissions()).permissions]


async def test_the_rule_is_shown_in_the_ask_and_listed_as_it_was_shown():
    async with house() as h:
        log = await allowed_always(h)
        shown = next(e["data"]["metadata"]["always"] for e in events_of(log) if e["type"] == "permission.requested")
        (rule,) = (await h.daemon.rules("s")).rules
        assert (rule.always, rule.permission_id, rule.decided_by.kind, rule.uses) == (
            shown, "mock_1_permission", "local", 0,
        )  # fmt: skip
        made = await resolved(h, log, "mock_1_permission")
        assert made["data"]["decided_by"] == {"kind": "local", "rule": rule.rule_id}


async def test_what_a_rule_grants_is_in_the_log_with_the_rule():
    async with house() as h:
        log = await allowed_always(h)
        await asked(h, log, 4)
        granted = await resolved(h, log, "mock_2_permission")
        (rule,) = (await h.daemon.rules("s")).rules
        assert granted["data"]["status"] == "accept_for_session"
        assert granted["data"]["decided_by"] == {"kind": "rule", "rule": rule.rule_id}
        assert granted["data"]["metadata"]["cause"] == "rule"
        assert rule.uses == 1
        assert await pending(h) == ["mock_2_permission_denied"]


async def test_always_for_one_file_of_an_agent_grants_no_other():
    """Both are of the action ``file_change``: that was enough once."""
    async with house() as h:
        log = await h.create()
        await asked(h, log, 2)
        await h.daemon.reply_permission("s", "mock_1_permission", "reject")
        await h.daemon.reply_permission("s", "mock_1_permission_denied", "always")
        await h.until_type(log, "turn.ended")
        await asked(h, log, 4)
        assert await pending(h) == ["mock_2_permission", "mock_2_permission_denied"]


async def test_a_rule_that_is_taken_back_grants_nothing_any_more_and_that_is_in_the_log():
    async with house() as h:
        log = await allowed_always(h)
        (rule,) = (await h.daemon.rules("s")).rules
        await h.daemon.revoke_rule("s", rule.rule_id)
        assert (await h.daemon.rules("s")).rules == ()
        status = await h.until(log, lambda e: "permission.rule_revoked" in json.dumps(e["data"]))
        assert rule.always in json.dumps(status["data"]).replace('\\"', '"')
        await asked(h, log, 4)
        assert await pending(h) == ["mock_2_permission", "mock_2_permission_denied"]
        with pytest.raises(Problem, match="the session has no rule"):
            await h.daemon.revoke_rule("s", rule.rule_id)


async def test_a_rule_of_another_session_is_not_there():
    async with house() as h:
        await allowed_always(h)
        await h.create("other")
        (rule,) = (await h.daemon.rules("s")).rules
        assert (await h.daemon.rules("other")).rules == ()
        with pytest.raises(Problem, match="the session has no rule"):
            await h.daemon.revoke_rule("other", rule.rule_id)
        with pytest.raises(Problem, match="session not found"):
            await h.daemon.rules("who")


async def test_rules_end_with_their_session():
    async with house() as h:
        await allowed_always(h)
        await h.daemon.terminate("s")
        assert (await h.daemon.rules("s")).rules == ()


async def test_rules_end_with_the_daemon(tmp_path: Path):
    async with on_disk(data_dir=str(tmp_path)) as h:
        await allowed_always(h)
    async with on_disk(data_dir=str(tmp_path)) as h:
        log = await h.daemon.log("s")
        await h.send("permission")
        while len(await pending(h)) < 2:
            await log.wait_beyond(log.last)
        assert (await h.daemon.rules("s")).rules == ()


async def test_what_else_waits_for_the_same_is_granted_with_it_and_nothing_else():
    broker, session = Mailbox("broker", 8), Mailbox("session", 8)
    same, other = Grant("f", "command", "make"), Grant("g", "command", "make clean")
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            await nursery.start(PermissionBroker(broker).run)
            for name, grant in (("a", same), ("b", other), ("c", None), ("d", same)):
                ask = PermissionEventData(name, "run", "requested")
                await broker.tell(ApprovalRequested("s", session, ask, 0, grant=grant))
            nursery.start_soon(broker.ask, ExecuteApproval("s", PermissionReplyCommand("a", "always")))
            decided = []
            for _ in "ad":
                envelope = await session.next()
                assert isinstance(envelope.message, Decide)
                decided.append((envelope.message.decision.approval_id, envelope.message.decision.by.kind))
                envelope.answer(True)
            assert decided == [("a", "local"), ("d", "rule")]
            (rule,) = (await broker.ask(ListRules("s"))).rules
            assert (rule.permission_id, rule.always, rule.uses) == ("a", "make", 1)
            pending = (await broker.ask(ListPermissions())).permissions
            assert [p.permission.permission_id for p in pending] == ["b", "c"]
            nursery.cancel_scope.cancel()


async def test_a_decision_is_bound_to_what_was_shown():
    async with house() as h:
        log = await h.create()
        await asked(h, log, 2)
        digests = [e["data"]["input_digest"] for e in events_of(log) if e["type"] == "permission.requested"]
        assert len(set(digests)) == 2
        for wrong in (digests[1], "", "nonsense"):
            with pytest.raises(Problem) as refused:
                await h.daemon.reply_permission("s", "mock_1_permission", "once", input_digest=wrong)
            assert (refused.value.status, refused.value.kind) == (409, "decision_conflict")
        assert "mock_1_permission" in await pending(h)
        await h.daemon.reply_permission("s", "mock_1_permission", "once", input_digest=digests[0])
        assert (await resolved(h, log, "mock_1_permission"))["data"]["status"] == "accept"


async def test_a_question_is_bound_to_what_was_shown_too():
    async with house() as h:
        log = await h.create()
        await h.send("question")
        await h.until_type(log, "question.requested", 2)
        digests = [e["data"]["input_digest"] for e in events_of(log) if e["type"] == "question.requested"]
        with pytest.raises(Problem, match="inputDigest is not that of mock_1_question"):
            await h.daemon.reply_question("s", "mock_1_question", [["Blue"]], input_digest=digests[1])
        await h.daemon.reply_question("s", "mock_1_question", [["Blue"]], input_digest=digests[0])


async def test_a_digest_tells_nothing_to_who_guesses_the_input():
    """A command may hold a secret, which is masked where the digest stands."""
    async with house() as h, trio.open_nursery():
        digests = set()
        for name in ("s", "t"):
            log = await h.create(name)
            await h.send("permission", name)
            event = await h.until_type(log, "permission.requested")
            digests.add(event["data"]["input_digest"])
        assert len(digests) == 2
