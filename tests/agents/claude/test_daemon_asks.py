"""Every ask of the real Claude Code and every answer, through a really started daemon."""

from collections.abc import Sequence

import pytest

from ..daemon import (
    Answer,
    Event,
    RunningDaemon,
    Session,
    deciders,
    items,
    last_words,
    leave_open,
    of_type,
    once_only,
    outcome,
    parts,
)
from ..sandbox import Sandbox

pytestmark = pytest.mark.agents


def replying(reply: str) -> Answer:
    async def answer(session: Session, event: Event) -> None:
        await session.post(f"/permissions/{event['data']['permission_id']}/reply", reply=reply)

    return answer


def choosing(*answers: Sequence[str]) -> Answer:
    """Answer questions so; without answers, reject them."""

    async def answer(session: Session, event: Event) -> None:
        if "permission_id" in event["data"]:
            await replying("once")(session, event)
        elif answers:
            await session.post(f"/questions/{event['data']['question_id']}/reply", answers=list(answers))
        else:
            await session.post(f"/questions/{event['data']['question_id']}/reject")

    return answer


@pytest.mark.parametrize(
    ("reply", "status", "made", "asked"),
    [("once", "accept", True, 2), ("always", "accept_for_session", True, 2), ("reject", "reject", False, 2)],
)
async def test_each_answer_to_a_permission(
    daemon: RunningDaemon, sandbox: Sandbox, reply: str, status: str, made: bool, asked: int
):
    session = await daemon.session(sandbox, once_only(reply) if reply == "always" else replying(reply))
    turn = await session.turn("SCN_BASH touch made")
    (request,) = of_type(turn, "permission.requested")
    assert request["data"]["action"] == "Bash"
    assert request["data"]["metadata"]["input"]["command"] == "touch made"
    (resolved,) = of_type(turn, "permission.resolved")
    assert resolved["data"]["status"] == status
    assert resolved["data"]["permission_id"] == request["data"]["permission_id"]
    assert (sandbox.work / "made").exists() is made
    assert items(turn, "tool_result")[0]["status"] == ("completed" if made else "failed")
    assert outcome(turn) == "completed"
    await session.turn("SCN_BASH touch made")
    assert len(of_type(session.events, "permission.requested")) == asked
    assert deciders(session.events) == ["token", "rule" if reply == "always" else "token"]


async def test_a_session_waits_while_it_asks_and_what_is_pending_is_listed(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, leave_open)
    await session.send("SCN_BASH touch made")
    request = await session.wait_for("permission.requested")
    (pending,) = (await daemon.http.get("/v1/permissions")).json()["permissions"]
    assert pending["permission"]["permission_id"] == request["data"]["permission_id"]
    assert (await session.info())["status"] == "waiting"
    await replying("once")(session, request)
    await session.wait_for("turn.ended")
    assert (await daemon.http.get("/v1/permissions")).json()["permissions"] == []


async def test_questions_with_several_labels_and_free_text(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, choosing(["a colour of my own"], ["S", "L"]))
    turn = await session.turn("SCN_ASK")
    (asked,) = of_type(turn, "question.requested")
    assert [part["question"] for part in asked["data"]["questions"]] == ["Which color?", "Which sizes?"]
    assert [part["multi_select"] for part in asked["data"]["questions"]] == [False, True]
    (resolved,) = of_type(turn, "question.resolved")
    assert resolved["data"]["status"] == "answered"
    assert resolved["data"]["answers"] == [["a colour of my own"], ["S", "L"]]
    assert '"Which color?"="a colour of my own", "Which sizes?"="S, L"' in last_words(turn)


async def test_rejected_questions_fail_the_tool_and_the_turn_goes_on(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, choosing())
    turn = await session.turn("SCN_ASK")
    assert of_type(turn, "question.resolved")[0]["data"]["status"] == "rejected"
    assert items(turn, "tool_result")[0]["status"] == "failed"
    assert outcome(turn) == "completed"


@pytest.mark.parametrize(
    ("label", "approved", "asks_for_edits"),
    [("Approve", True, True), ("Approve and accept edits", True, False), ("Reject", False, True)],
)
async def test_plan_mode_plans_until_its_plan_is_approved(
    daemon: RunningDaemon, sandbox: Sandbox, label: str, approved: bool, asks_for_edits: bool
):
    session = await daemon.session(sandbox, choosing([label]), agentMode="plan")
    turn = await session.turn("SCN_PLAN")
    (asked,) = of_type(turn, "question.requested")
    assert "1. read" in asked["data"]["prompt"]
    assert items(turn, "tool_result")[0]["status"] == ("completed" if approved else "failed")
    await session.turn(f"SCN_WRITE {sandbox.work}/made text")
    assert bool(of_type(session.events, "permission.requested")) == asks_for_edits


async def test_permission_mode_plan_plans_too(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, choosing(["Approve"]), permissionMode="plan")
    turn = await session.turn("SCN_PLAN")
    assert len(of_type(turn, "question.requested")) == 1


async def test_accept_edits_asks_for_commands_only(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, replying("once"), permissionMode="acceptEdits")
    await session.turn(f"SCN_WRITE {sandbox.work}/made text")
    assert of_type(session.events, "permission.requested") == []
    await session.turn("SCN_BASH mkfifo other")
    assert len(of_type(session.events, "permission.requested")) == 1


async def test_an_interrupt_while_it_asks_resolves_the_ask_as_rejected(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, leave_open)
    await session.send("SCN_BASH touch made")
    await session.wait_for("permission.requested")
    assert (await session.post("/interrupt")).json()["interrupted"] is True
    ended = await session.wait_for("turn.ended")
    assert ended["data"]["metadata"]["outcome"] == "interrupted"
    (resolved,) = of_type(session.events, "permission.resolved")
    assert resolved["data"]["status"] == "reject"
    assert resolved["sequence"] < ended["sequence"]
    assert list(parts(session.events, "tool_result")), "the call got its result"
    assert not (sandbox.work / "made").exists()
