"""What an MCP server asks through the agent. Each test is played by every agent."""

import json
from typing import Any

import pytest

from ..daemon import Event, Session, items, of_type, outcome
from ..mcp_server import PASSPHRASE
from .human import Human
from .shape import shape
from .world import World, texts

pytestmark = pytest.mark.agents

FIELDS = {
    "name": {"question": "What is your name?", "header": "Name", "kind": "text", "required": True, "min_length": 1},
    "age": {"kind": "integer", "required": True, "minimum": 0, "maximum": 150},
    "color": {"kind": "choice", "options": [{"label": "red"}, {"label": "blue"}], "default": ["blue"]},
    "token": {"kind": "text", "secret": True},
}
"""What every agent asks, where it is not what :func:`field` says."""

ANSWERS = {"name": ["Ada"], "age": ["36"], "color": [], "token": [PASSPHRASE]}

REACHED = {"name": "Ada", "age": 36, "color": "blue", "token": "received"}
"""What the server got, each of its field's type."""


def field(name: str) -> dict[str, Any]:
    common = {"question": name, "header": name, "options": [], "multi_select": False, "required": False}
    return {"name": name, **common, **FIELDS[name]}


class FormHuman(Human):
    """First gives an answer that does not fit, then fills in the form; or rejects it."""

    refused: dict[str, Any] | None = None
    open_after_refusal: list[str] | None = None
    status: str | None = None

    async def __call__(self, session: Session, event: Event) -> None:
        if "permission_id" in event["data"] or self.rejects_questions:
            await super().__call__(session, event)
            return
        question_id, names = event["data"]["question_id"], [part["name"] for part in event["data"]["questions"]]
        answers = ANSWERS | {"age": ["old"]}
        reply = f"{session.url}/questions/{question_id}/reply"
        response = await session.http.post(reply, json={"answers": [answers[name] for name in names]})
        assert response.status_code == 400, response.text
        self.refused = response.json()
        pending = (await session.http.get("/v1/questions")).json()["questions"]
        self.open_after_refusal = [each["question"]["question_id"] for each in pending]
        self.status = (await session.info())["status"]
        await session.post(f"/questions/{question_id}/reply", answers=[ANSWERS[name] for name in names])


async def elicit(world: World, human: Human) -> tuple[Session, list[Event]]:
    if world.agent.with_mcp is not None:
        world.agent.with_mcp(world.sandbox)
    session = await world.session(human)
    return session, await session.turn(world.agent.form)


async def test_a_form_is_one_question_with_the_same_fields_and_its_answer_reaches_the_server(world: World):
    human = FormHuman()
    session, turn = await elicit(world, human)
    assert outcome(turn) == "completed"
    if (told := world.agent.told_server) is not None:
        assert of_type(turn, "question.requested") == []
        (result,) = items(turn, "tool_result")
        assert told in result["content"][0]["output"], "the server knows that nobody was asked"
        world.check()
        return
    (asked,) = [event["data"] for event in of_type(turn, "question.requested")]
    assert asked["elicitation"] == {"server": world.agent.elicitor, "message": "Who are you?"}
    assert asked["prompt"].startswith("Who are you?\n\n")
    fields = {part["name"]: part for part in asked["questions"]}
    fields["token"].pop("format", None)  # mock marks it by one that the real agents do not let through
    assert fields == {name: field(name) for name in FIELDS}

    assert human.refused is not None
    assert (human.refused["type"].rpartition(":")[2], human.refused["details"]["field"]) == ("invalid_request", "age")
    assert human.open_after_refusal == [asked["question_id"]]
    assert human.status == "waiting"

    (resolved,) = [event["data"] for event in of_type(turn, "question.resolved")]
    assert (resolved["status"], resolved["redacted"]) == ("answered", True)
    shown = ANSWERS | {"token": ["[redacted]"]}
    assert resolved["answers"] == [shown[part["name"]] for part in asked["questions"]]
    reached = texts(turn)[-1]
    assert all(f"{json.dumps(name)}: {json.dumps(value)}" in reached for name, value in REACHED.items()), reached
    assert PASSPHRASE not in json.dumps(session.events)
    lines = shape(turn)
    assert lines.index("question.requested") + 1 == lines.index("question.resolved answered")
    world.check()


async def test_a_form_that_is_rejected_is_declined(world: World):
    _, turn = await elicit(world, Human(rejects_questions=True))
    assert outcome(turn) == "completed"
    if world.agent.told_server is None:
        assert [event["data"]["status"] for event in of_type(turn, "question.resolved")] == ["rejected"]
        assert "decline" in texts(turn)[-1], "the server knows"
    world.check()


async def test_a_field_that_is_marked_as_a_secret_is_refused_by_the_agents_own_client(world: World):
    """So what a text field is called decides. A client that lets the mark through is news."""
    if world.agent.with_mcp is None:
        return
    world.agent.with_mcp(world.sandbox)
    session = await world.session()
    turn = await session.turn("SCN_FORM secret")
    assert of_type(turn, "question.requested") == []
    (result,) = items(turn, "tool_result")
    assert f'"code": {-32601 if world.agent.told_server else -32602}' in result["content"][0]["output"]
    world.check()
