"""Texts of a session have bounds: a client is told which, and by how much it was missed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.schema.api.sessions import CreateSessionRequest, MessageRequest, QuestionReplyRequest
from sandbox_agent.schema.bounds import shortened
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.problems import Problem
from sandbox_agent.transport.api.openapi import document
from sandbox_agent.transport.api.socket_commands import COMMAND

BOUNDS = {
    "agent": 256,
    "agentMode": 256,
    "permissionMode": 256,
    "model": 256,
    "variant": 256,
    "agentVersion": 256,
    "directory": 4096,
    "title": 1024,
}
ATTACHMENT = {"path": 4096, "mime": 256, "filename": 256}


def refusal(cls: type, body: Any) -> Problem:
    with pytest.raises(Problem) as refused:
        Codec().decode(json.dumps(body).encode(), cls)
    assert refused.value.status == 422
    return refused.value


@pytest.mark.parametrize("member", BOUNDS)
def test_a_text_beyond_its_bound_is_refused_and_the_refusal_names_member_bound_and_length(member: str):
    bound = BOUNDS[member]
    fits = {"agent": "mock", member: "ü" * bound}
    assert Codec().decode(json.dumps(fits).encode(), CreateSessionRequest)
    problem = refusal(CreateSessionRequest, {"agent": "mock", member: "ü" * (bound + 1)})
    message = f"expected at most {bound} characters; got {bound + 1}"
    assert problem.extensions["details"]["errors"] == [{"field": member, "message": message}]
    assert len(problem.detail) < 200, "a refusal does not repeat what was too long"


def _is_text(kind: dict[str, Any]) -> bool:
    """Not a word out of a list."""
    return kind.get("type") == "string" and "enum" not in kind


def test_every_text_that_a_session_is_created_with_has_a_bound_that_the_openapi_document_tells():
    schemas = document()["components"]["schemas"]
    for name, bounds in (("CreateSessionRequest", BOUNDS), ("MessageAttachment", ATTACHMENT)):
        texts = {key: kind for key, kind in schemas[name]["properties"].items() if _is_text(kind)}
        assert {key: kind.get("maxLength") for key, kind in texts.items()} == bounds


@pytest.mark.parametrize("member", ["mcp", "skills"])
def test_servers_and_skills_have_a_bound_together(member: str):
    def body(size: int) -> dict[str, Any]:
        server = {"type": "remote", "url": "u" * size}
        source = {"type": "local", "source": "s" * size}
        return {"agent": "mock", member: {"one": server} if member == "mcp" else {"sources": [source]}}

    assert Codec().decode(json.dumps(body(65_000)).encode(), CreateSessionRequest)
    (error,) = refusal(CreateSessionRequest, body(70_000)).extensions["details"]["errors"]
    assert error["field"] == member
    assert error["message"].startswith("expected at most 65536 bytes of JSON; got 700")
    described = document()["components"]["schemas"]["CreateSessionRequest"]["properties"][member]
    assert "65536 bytes" in described["description"]


def test_all_that_is_too_long_is_told_at_once():
    problem = refusal(CreateSessionRequest, {"agent": "mock", "title": "t" * 4_000_000, "model": "m" * 300})
    assert problem.extensions["details"]["errors"] == [
        {"field": "model", "message": "expected at most 256 characters; got 300"},
        {"field": "title", "message": "expected at most 1024 characters; got 4000000"},
    ]


@pytest.mark.parametrize("member", ATTACHMENT)
def test_an_attachments_texts_have_bounds_too(member: str):
    bound = ATTACHMENT[member]
    problem = refusal(
        MessageRequest,
        {"message": "m", "attachments": [{"path": "p", member: "x" * (bound + 1)}]},
    )
    message = f"expected at most {bound} characters; got {bound + 1}"
    assert problem.extensions["details"]["errors"] == [{"field": f"attachments[0].{member}", "message": message}]


@given(text=st.text(max_size=200), limit=st.integers(40, 100))
def test_what_is_cut_says_how_much_is_missing(text: str, limit: int):
    short = shortened(text, limit)
    if len(text) <= limit:
        assert short == text
    else:
        assert len(short) <= limit
        kept, _, mark = short.rpartition("… [")
        assert text.startswith(kept)
        assert mark == f"{len(text) - len(kept)} more characters]"


COMMANDS = {
    "permission.reply": ("permissionId", {"reply": "once"}),
    "question.reply": ("questionId", {"answers": [["yes"]]}),
    "question.reject": ("questionId", {}),
    "queue.cancel": ("turnId", {}),
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_an_id_in_a_command_has_the_bound_that_it_has_in_a_path(kind: str):
    """A refusal names the id, and is kept for who repeats the command."""
    member, others = COMMANDS[kind]
    assert Codec().build({"type": kind, member: "i" * 256, **others}, COMMAND)
    (error,) = refusal(COMMAND, {"type": kind, member: "i" * 100_000, **others}).extensions["details"]["errors"]
    assert error == {"field": member, "message": "expected at most 256 characters; got 100000"}


@pytest.mark.parametrize("unknown", [{"k" * 200_000: 1}, {f"k{number}": 1 for number in range(10_000)}])
def test_a_refusal_does_not_repeat_all_names_that_are_unknown(unknown: dict[str, int]):
    problem = refusal(CreateSessionRequest, {"agent": "mock", "timeouts": unknown})
    assert "`timeouts`: unknown: k" in problem.detail
    assert len(problem.detail) < 300


@pytest.mark.parametrize(
    ("cls", "member", "value", "most"),
    [
        (MessageRequest, "attachments", [{"path": "p"}] * 180_000, 100),
        (MessageRequest, "attachments", [{}] * 180_000, 100),
        (QuestionReplyRequest, "answers", [[]] * 500_000, 100),
        (QuestionReplyRequest, "answers", [["x"] * 500_000], 100),
    ],
)
def test_elements_are_counted_before_any_is_looked_at(cls: type, member: str, value: list[object], most: int):
    """180,000 attachments in one body took 39 s, and a refusal that named each."""
    (error,) = refusal(cls, {"message": "m", member: value}).extensions["details"]["errors"]
    longest = max(0, len(value), *(len(inner) for inner in value if isinstance(inner, list)))
    assert error == {"field": member, "message": f"expected at most {most} elements; got {longest}"}
