"""Every ask of the real Codex and every answer, through a really started daemon."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ...models.server import ModelServer
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
    running_daemon,
)
from ..sandbox import Sandbox

SECRET = "Tr0ub4dor-and-3-horses"

pytestmark = pytest.mark.agents


@pytest.fixture
def outside() -> Iterator[Path]:
    """A place that codex's sandbox lets nothing write to, as it does to the work directory, TMPDIR and /tmp."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as place:
        yield Path(place)


def replying(reply: str) -> Answer:
    async def answer(session: Session, event: Event) -> None:
        await session.post(f"/permissions/{event['data']['permission_id']}/reply", reply=reply)

    return answer


def choosing(*answers: Sequence[str]) -> Answer:
    """Answer questions so; without answers, reject them."""

    async def answer(session: Session, event: Event) -> None:
        if answers:
            await session.post(f"/questions/{event['data']['question_id']}/reply", answers=list(answers))
        else:
            await session.post(f"/questions/{event['data']['question_id']}/reject")

    return answer


@pytest.mark.parametrize(
    ("reply", "status", "made", "asked"),
    [("once", "accept", True, 2), ("always", "accept_for_session", True, 2), ("reject", "reject", False, 2)],
)
@pytest.mark.parametrize(
    ("prompt", "action"),
    [("SCN_ESCALATE touch {}", "shell"), ("SCN_WRITE {} one", "apply_patch")],
    ids=["run", "patch"],
)
async def test_each_answer_to_a_permission(
    daemon: RunningDaemon,
    sandbox: Sandbox,
    outside: Path,
    prompt: str,
    action: str,
    reply: str,
    status: str,
    made: bool,
    asked: int,
):
    answer = once_only(reply) if reply == "always" else replying(reply)
    session = await daemon.session(sandbox, answer, agent="codex")
    turn = await session.turn(prompt.format(outside / "made"))
    (request,) = of_type(turn, "permission.requested")
    assert request["data"]["action"] == request["data"]["metadata"]["toolName"] == action
    (resolved,) = of_type(turn, "permission.resolved")
    assert resolved["data"]["status"] == status
    assert (outside / "made").exists() is made
    assert items(turn, "tool_result")[0]["status"] == ("completed" if made else "failed")
    assert outcome(turn) == "completed"
    await session.turn(prompt.format(outside / "made"))
    assert len(of_type(session.events, "permission.requested")) == asked
    assert deciders(session.events) == ["token", "rule" if reply == "always" else "token"]


async def test_a_session_waits_while_it_asks_and_what_is_pending_is_listed(
    daemon: RunningDaemon, sandbox: Sandbox, outside: Path
):
    session = await daemon.session(sandbox, leave_open, agent="codex")
    await session.send(f"SCN_WRITE {outside}/made one")
    request = await session.wait_for("permission.requested")
    (pending,) = (await daemon.http.get("/v1/permissions")).json()["permissions"]
    assert pending["permission"]["permission_id"] == request["data"]["permission_id"]
    assert pending["permission"]["metadata"]["paths"] == [str(outside / "made")]
    assert (await session.info())["status"] == "waiting"
    await replying("once")(session, request)
    await session.wait_for("turn.ended")
    assert (await daemon.http.get("/v1/permissions")).json()["permissions"] == []


@pytest.mark.parametrize("mode", ["build", "plan"])
async def test_questions_with_labels_and_free_text(daemon: RunningDaemon, sandbox: Sandbox, mode: str):
    session = await daemon.session(sandbox, choosing(["my own"], ["L"]), agent="codex", agentMode=mode)
    turn = await session.turn("SCN_ASK")
    (asked,) = of_type(turn, "question.requested")
    assert [part["question"] for part in asked["data"]["questions"]] == ["Which color?", "Which size?"]
    (resolved,) = of_type(turn, "question.resolved")
    assert (resolved["data"]["status"], resolved["data"]["answers"]) == ("answered", [["my own"], ["L"]])
    assert '"color":{"answers":["my own"]}' in last_words(turn)


async def test_rejected_questions_do_not_end_the_turn(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, choosing(), agent="codex")
    turn = await session.turn("SCN_ASK")
    assert of_type(turn, "question.resolved")[0]["data"]["status"] == "rejected"
    assert last_words(turn) == 'Tools said: {"answers":{}}'
    assert outcome(turn) == "completed"


async def test_plan_mode_plans(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, agent="codex", agentMode="plan")
    turn = await session.turn("SCN_PLAN")
    said = [part["text"] for item in items(turn, "message") if item["role"] == "assistant" for part in item["content"]]
    assert "# Plan\n1. read\n2. write\n" in said


async def test_permission_mode_plan_asks_about_everything(daemon: RunningDaemon, sandbox: Sandbox):
    session = await daemon.session(sandbox, replying("reject"), agent="codex", permissionMode="plan")
    await session.turn("SCN_BASH touch made")
    await session.turn(f"SCN_WRITE {sandbox.work}/made one")
    assert [event["data"]["action"] for event in of_type(session.events, "permission.requested")] == [
        "shell",
        "apply_patch",
    ]
    assert not (sandbox.work / "made").exists()


async def test_bypass_asks_for_nothing(daemon: RunningDaemon, sandbox: Sandbox, outside: Path):
    session = await daemon.session(sandbox, agent="codex", permissionMode="bypass")
    await session.turn(f"SCN_BASH touch {outside}/made")
    assert of_type(session.events, "permission.requested") == []
    assert (outside / "made").exists()


async def test_an_interrupt_while_it_asks_resolves_the_ask_as_rejected(
    daemon: RunningDaemon, sandbox: Sandbox, outside: Path
):
    session = await daemon.session(sandbox, leave_open, agent="codex")
    await session.send(f"SCN_ESCALATE touch {outside}/made")
    await session.wait_for("permission.requested")
    assert (await session.post("/interrupt")).json()["interrupted"] is True
    ended = await session.wait_for("turn.ended")
    assert ended["data"]["metadata"]["outcome"] == "interrupted"
    (resolved,) = of_type(session.events, "permission.resolved")
    assert resolved["data"]["status"] == "reject"
    assert resolved["sequence"] < ended["sequence"]
    assert not (outside / "made").exists()
    assert outcome(await session.turn("SCN_HELLO")) == "completed"


async def test_a_secret_answer_reaches_the_model_and_is_in_nothing_of_ours(sandbox: Sandbox, models: ModelServer):
    """Not in an event, also where the model says it again, nor in the journal or the log."""

    async def answer(session: Session, event: Event) -> None:
        await session.post(f"/questions/{event['data']['question_id']}/reply", answers=[[SECRET]])

    async with running_daemon(sandbox) as daemon:
        session = await daemon.session(sandbox, answer, agent="codex")
        turn = await session.turn("SCN_ASKSECRET")
        (asked,), (resolved,) = of_type(turn, "question.requested"), of_type(turn, "question.resolved")
        assert [part["secret"] for part in asked["data"]["questions"]] == [True]
        assert (resolved["data"]["answers"], resolved["data"]["redacted"]) == ([["[redacted]"]], True)
        assert SECRET in str(models.asked()[-1]["input"])
        assert '{"answers":["[redacted]"]}' in last_words(turn)
        url = f"/v1/sessions/{session.id}/events"
        stored = (await session.http.get(url, params={"include_raw": "true", "limit": "1000"})).text
        assert "Which color?" in stored
        assert SECRET not in stored + str(session.events)
    ours = [path for path in sandbox.home.rglob("*") if path.is_file() and ".codex" not in path.parts]
    kept = b"".join(path.read_bytes() for path in ours)
    assert b"Which color?" in kept, "this is the journal"
    assert SECRET.encode() not in kept
