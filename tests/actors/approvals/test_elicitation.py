"""A form of an MCP server through the real daemon: wrong answers are told, and what is secret stays nowhere."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from sandbox_agent.actors.journal.event_log import EventLog
from sandbox_agent.actors.journal.kept_answers import Answer
from sandbox_agent.schema.api.commands import QuestionReplyCommand, fingerprint
from sandbox_agent.schema.problems import Problem

from ..house import House, events_of, house
from ..sessions.test_commands import obeying, problem_of

SECRET = "correct-horse-battery"

FILLED_IN = (("Ada",), ("36",), (), (SECRET,))


async def asked(h: House, prompt: str = "form") -> tuple[EventLog, dict[str, Any]]:
    log = await h.create()
    await h.send(prompt)
    return log, (await h.until_type(log, "question.requested"))["data"]


async def outcome(h: House, log: EventLog) -> str:
    await h.until_type(log, "turn.ended")
    items = [event["data"]["item"] for event in events_of(log) if event["type"] == "item.completed"]
    return str(items[-1]["content"][0]["text"])


async def test_a_form_tells_what_each_field_wants():
    async with house() as h:
        _, data = await asked(h)
        assert data["elicitation"] == {"server": "mock", "message": "Who are you?"}
        assert data["prompt"] == "Who are you?\n\nWhat is your name?"
        name, age, color, token = data["questions"]
        assert (name["kind"], name["required"], name["min_length"], name["header"]) == ("text", True, 1, "Name")
        assert (age["kind"], age["minimum"], age["maximum"]) == ("integer", 0, 150)
        assert (color["kind"], color["default"], color["required"]) == ("choice", ["blue"], False)
        assert (token["kind"], token["secret"]) == ("text", True)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ((("",), ("36",), (), (SECRET,)), "the answer to 'name' must be text, at least 1 characters"),
        ((("Ada",), ("old",), (), (SECRET,)), "the answer to 'age' must be an integer, from 0 to 150"),
        ((("Ada",), ("36",), ("green",), (SECRET,)), "the answer to 'color' must be one of \"red\", \"blue\""),
        ((("Ada",), ("36",), (), (SECRET, SECRET)), "the answer to 'token' must be text"),
    ],
)  # fmt: skip
async def test_a_bad_answer_is_a_400_that_names_the_field_and_the_question_stays_open(answers: Any, said: str):
    async with house() as h:
        log, data = await asked(h)
        with pytest.raises(Problem) as refused:
            await h.daemon.reply_question("s", data["question_id"], answers)
        assert refused.value.status == 400
        assert refused.value.detail == f"invalid request: {said}"
        assert SECRET not in str(refused.value.body())
        assert [it.question.question_id for it in (await h.daemon.pending_questions()).questions] == [
            data["question_id"]
        ]
        await h.daemon.reply_question("s", data["question_id"], FILLED_IN)
        told = json.dumps({"name": "Ada", "age": 36, "color": "blue", "token": "received"})
        assert await outcome(h, log) == f"mock_1_form: {told}"


async def test_a_rejected_form_is_declined():
    async with house() as h:
        log, data = await asked(h)
        await h.daemon.reply_question("s", data["question_id"], None)
        assert await outcome(h, log) == "mock_1_form: decline"


async def test_an_address_is_opened_by_a_human():
    async with house() as h:
        log, data = await asked(h, "form https://example.com/consent")
        (part,) = data["questions"]
        assert (part["kind"], part["url"], data["options"]) == (
            "url",
            "https://example.com/consent",
            ["Accept", "Decline"],
        )
        await h.daemon.reply_question("s", data["question_id"], (("Accept",),))
        assert await outcome(h, log) == "mock_1_form: {}"


async def test_a_secret_answer_reaches_the_agent_and_is_kept_nowhere(tmp_path: Path):
    """Neither the answer, nor a digest of it by which a guess could be tried."""
    async with obeying(data_dir=str(tmp_path), ephemeral=False) as (h, commands):
        log, data = await asked(h)
        command = QuestionReplyCommand(data["question_id"], FILLED_IN)
        assert SECRET not in repr(command)
        assert await commands.execute("s", command, "k") == Answer()
        assert await commands.execute("s", command, "k") == Answer(replayed=True)
        assert "received" in await outcome(h, log)
        (resolved,) = [event["data"] for event in events_of(log) if event["type"] == "question.resolved"]
        assert (resolved["answers"], resolved["redacted"]) == ([["Ada"], ["36"], [], ["[redacted]"]], True)
        digest = fingerprint(h.daemon.codec.plain(command)).partition(":")[2]
        assert SECRET not in json.dumps(events_of(log))
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"What is your name?" in kept, "this is the journal"
    for forbidden in (SECRET, digest, hashlib.sha256(SECRET.encode()).hexdigest()):
        assert forbidden.encode() not in kept


@pytest.mark.parametrize("suspend_after", [0.0, 0.01], ids=["same process", "next process"])
async def test_a_secret_answer_that_the_agent_says_again_is_masked(suspend_after: float):
    async with house(suspend_after=suspend_after) as h:
        log, data = await asked(h)
        await h.daemon.reply_question("s", data["question_id"], FILLED_IN)
        await h.until_type(log, "turn.ended")
        await h.until_status("suspended" if suspend_after else "idle")
        events = await h.turn(log, f"echo it is {SECRET}, I think")
        said = [event["data"]["item"]["content"][0] for event in events if event["type"] == "item.completed"]
        assert said[-1]["text"] == "it is [redacted], I think"
        assert any(event["type"] == "item.delta" for event in events)
        assert SECRET not in json.dumps(events_of(log))


async def test_so_many_secret_answers_are_remembered_and_no_more(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sandbox_agent.actors.sessions.agent.MOST_LEARNT", 1)
    async with house() as h:
        log = await h.create()
        for number, secret in enumerate((SECRET, "another-battery-staple"), 1):
            await h.send("form")
            ask = (await h.until_type(log, "question.requested", number))["data"]["question_id"]
            await h.daemon.reply_question("s", ask, (*FILLED_IN[:-1], (secret,)))
            await h.until_type(log, "turn.ended", number)
        events = await h.turn(log, f"echo {SECRET} another-battery-staple")
        said = [event["data"]["item"]["content"][0] for event in events if event["type"] == "item.completed"]
        assert said[-1]["text"] == f"{SECRET} [redacted]"


async def test_answers_that_are_no_secret_are_told_apart_under_one_key():
    async with obeying() as (h, commands):
        log = await h.create()
        await h.send("question")
        ask = (await h.until_type(log, "question.requested"))["data"]["question_id"]
        assert await commands.execute("s", QuestionReplyCommand(ask, (("Red",),)), "k") == Answer()
        assert await commands.execute("s", QuestionReplyCommand(ask, (("Red",),)), "k") == Answer(replayed=True)
        other = await commands.execute("s", QuestionReplyCommand(ask, (("Blue",),)), "k")
        assert problem_of(other) == (422, "key_reused")
