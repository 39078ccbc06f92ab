"""Every ask of the real OpenCode and every answer, through a really started daemon."""

from collections.abc import Sequence

import pytest

from ..daemon import Event, RunningDaemon, Session, deciders, items, last_words, leave_open, of_type, outcome
from ..sandbox import Sandbox
from .test_daemon import check_history

pytestmark = pytest.mark.agents


class Human:
    """Answers as the test has last said."""

    def __init__(self) -> None:
        self.reply: str | None = "once"
        self.answers: Sequence[Sequence[str]] | None = None

    async def __call__(self, session: Session, event: Event) -> None:
        data = event["data"]
        if "permission_id" in data and self.reply is None:
            return
        if "permission_id" in data:
            await session.post(f"/permissions/{data['permission_id']}/reply", reply=self.reply)
        elif self.answers is None:
            await session.post(f"/questions/{data['question_id']}/reject")
        else:
            await session.post(f"/questions/{data['question_id']}/reply", answers=list(self.answers))


async def test_each_answer_to_a_permission(daemon: RunningDaemon, sandbox: Sandbox):
    human = Human()
    session = await daemon.session(sandbox, human, agent="opencode")
    human.reply = "reject"
    rejected = await session.turn("SCN_BASH touch made")
    (request,) = of_type(rejected, "permission.requested")
    assert request["data"]["action"] == "bash"
    assert request["data"]["metadata"]["input"]["command"] == "touch made"
    assert of_type(rejected, "permission.resolved")[0]["data"]["status"] == "reject"
    assert items(rejected, "tool_result")[0]["status"] == "failed"
    assert "The user does not allow this." in last_words(rejected), "the model is told, and goes on"
    assert not (sandbox.work / "made").exists()

    human.reply = "once"
    for number in (1, 2):
        turn = await session.turn(f"SCN_BASH touch made{number}")
        assert of_type(turn, "permission.resolved")[0]["data"]["status"] == "accept"
        assert (sandbox.work / f"made{number}").exists()

    human.reply = "always"
    always = await session.turn("SCN_BASH touch made3")
    assert of_type(always, "permission.resolved")[0]["data"]["status"] == "accept_for_session"
    human.reply = None
    after = await session.turn("SCN_BASH touch made3")
    assert deciders(after) == ["rule"]
    assert {outcome(turn) for turn in (rejected, always, after)} == {"completed"}
    check_history(session)


async def test_questions_with_several_labels_free_text_and_no_answer(daemon: RunningDaemon, sandbox: Sandbox):
    human = Human()
    session = await daemon.session(sandbox, human, agent="opencode")
    human.answers = [["a colour of my own"], ["S", "L"]]
    turn = await session.turn("SCN_ASK")
    (asked,) = of_type(turn, "question.requested")
    assert [part["question"] for part in asked["data"]["questions"]] == ["Which color?", "Which sizes?"]
    assert [part["multi_select"] for part in asked["data"]["questions"]] == [False, True]
    (resolved,) = of_type(turn, "question.resolved")
    assert (resolved["data"]["status"], resolved["data"]["answers"]) == (
        "answered",
        [["a colour of my own"], ["S", "L"]],
    )
    assert '"Which color?"="a colour of my own", "Which sizes?"="S, L"' in last_words(turn)
    human.answers = None
    rejected = await session.turn("SCN_ASK")
    assert of_type(rejected, "question.resolved")[0]["data"]["status"] == "rejected"
    assert items(rejected, "tool_result")[0]["status"] == "failed"
    assert "The user does not want to answer." in last_words(rejected), "the model is told, and goes on"
    assert outcome(rejected) == "completed"
    check_history(session)


async def test_an_interrupt_while_it_asks_resolves_the_ask_and_it_is_never_asked_again(
    daemon: RunningDaemon, sandbox: Sandbox
):
    session = await daemon.session(sandbox, leave_open, agent="opencode")
    await session.send("SCN_BASH touch made")
    request = await session.wait_for("permission.requested")
    assert (await session.info())["status"] == "waiting"
    assert (await session.post("/interrupt")).json()["interrupted"] is True
    ended = await session.wait_for("turn.ended")
    assert ended["data"]["metadata"]["outcome"] == "interrupted"
    (resolved,) = of_type(session.events, "permission.resolved")
    assert resolved["data"]["permission_id"] == request["data"]["permission_id"]
    assert resolved["data"]["status"] == "reject"
    assert items(session.events, "tool_result")[-1]["status"] == "failed"
    assert not (sandbox.work / "made").exists()
    assert outcome(await session.turn("SCN_HELLO")) == "completed"
    assert len(of_type(session.events, "permission.requested")) == 1
    check_history(session)
