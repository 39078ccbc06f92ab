"""What an MCP server elicits becomes a question, and the answer what the server wants to hear."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.schema.agents.elicitation.answers import BadAnswer, expected, value_of
from sandbox_agent.schema.agents.elicitation.fields import Unaskable, field_of
from sandbox_agent.schema.agents.elicitation.form import elicited
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.events import QuestionEventData

DATE_TIME = "a date with its time, such as 2026-01-31T12:00:00Z"
SOME = 'different ones of "a", "b"'


def filled(said: dict[str, Any], *labels: str, required: bool = True) -> Any:
    return field_of("f", said, required=required).value(labels)


@pytest.mark.parametrize(
    ("said", "answer", "value"),
    [
        ({"type": "string"}, "any words", "any words"),
        ({"type": "string"}, "", ""),
        ({"type": "string", "minLength": 2, "maxLength": 3}, "abc", "abc"),
        ({"type": "string", "format": "email"}, "a@b.c", "a@b.c"),
        ({"type": "string", "format": "uri"}, "https://e.com", "https://e.com"),
        ({"type": "string", "format": "date"}, "2026-02-28", "2026-02-28"),
        ({"type": "string", "format": "date-time"}, "2026-02-28T01:02:03Z", "2026-02-28T01:02:03Z"),
        ({"type": "string", "format": "of their own"}, "x", "x"),
        ({"type": "integer"}, " 42 ", 42),
        ({"type": "integer", "minimum": -3}, "-3", -3),
        ({"type": "number"}, "2.5", 2.5),
        ({"type": "number"}, "7", 7),
        ({"type": ["null", "number"], "maximum": 1e3}, "1e3", 1000.0),
        ({"type": "boolean"}, "Yes", True),
        ({"type": "boolean"}, "No", False),
        ({"type": "string", "enum": ["a", "b"], "enumNames": ["A", "B"]}, "B", "b"),
        ({"type": "string", "enum": ["a", "b"], "enumNames": ["same", "same"]}, "same (2)", "b"),
        ({"type": "integer", "enum": [1, 2]}, "2", 2),
        ({"oneOf": [{"const": "a", "title": "A"}, {"const": "b"}]}, "b", "b"),
        ({"type": "object"}, '{"any": ["thing"]}', {"any": ["thing"]}),
        ({"oneOf": [{"type": "string"}]}, '"x"', "x"),
    ],
)
def test_an_answer_is_what_the_server_wants_to_hear(said: dict[str, Any], answer: str, value: Any):
    found = filled(said, answer)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("said", "answers", "right"),
    [
        ({"type": "string"}, (), "text"),
        ({"type": "string"}, ("a", "b"), "text"),
        ({"type": "string", "minLength": 2}, ("a",), "text, at least 2 characters"),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ("abcd",), "text, from 2 to 3 characters"),
        ({"type": "string", "format": "email"}, ("nobody",), "an email address"),
        ({"type": "string", "format": "uri"}, ("no address",), "a URI, such as https://example.com"),
        ({"type": "string", "format": "date"}, ("2026-02-30",), "a date, such as 2026-01-31"),
        ({"type": "string", "format": "date-time"}, ("2026-02-28",), DATE_TIME),
        ({"type": "integer"}, ("1.5",), "an integer"),
        ({"type": "integer"}, ("\uff19",), "an integer"),
        ({"type": "integer"}, ("1" * 60,), "an integer"),
        ({"type": "integer", "minimum": 0, "maximum": 150}, ("151",), "an integer, from 0 to 150"),
        ({"type": "number", "maximum": 0.5}, ("0.6",), "a number, at most 0.5"),
        ({"type": "number"}, ("nan",), "a number"),
        ({"type": "number"}, ("inf",), "a number"),
        ({"type": "number"}, ("1_0",), "a number"),
        ({"type": "boolean"}, ("true",), 'one of "Yes", "No"'),
        ({"enum": ["a", "b"]}, ("c",), 'one of "a", "b"'),
        ({"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1}, (), f"{SOME}, at least 1 of them"),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, ("a", "a"), SOME),
        ({"type": "object"}, ("{",), "JSON text"),
        ({"type": "object"}, ("[" * 1000,), "JSON text"),
    ],
)  # fmt: skip
def test_a_bad_answer_is_told_what_would_be_right(said: dict[str, Any], answers: tuple[str, ...], right: str):
    field = field_of("f", said, required=True)
    with pytest.raises(BadAnswer):
        field.value(answers)
    assert expected(field.part) == right


def test_no_answer_is_the_default_or_leaves_the_field_out():
    assert filled({"type": "number", "default": 0.5}, required=False) == 0.5
    assert filled({"type": "boolean", "default": False}) is False
    assert filled({"enum": ["a", "b"], "enumNames": ["A", "B"], "default": "b"}) == "b"
    assert filled({"type": "string"}, required=False) is None
    many = {"type": "array", "items": {"enum": ["a", "b"]}}
    assert filled(many | {"default": ["a", "b"]}) == ["a", "b"]
    assert filled(many, required=False) == []
    assert filled(many | {"minItems": 1}, required=False) is None


@pytest.mark.parametrize("default", [7, "c", None, [], ["a"], {"x": 1}, True])
def test_a_default_that_is_no_answer_is_none(default: Any):
    assert field_of("f", {"enum": ["a", "b"], "default": default}, required=False).part.default is None


@pytest.mark.parametrize("said", [{"format": "password"}, {"writeOnly": True}, {"isSecret": True}])
def test_what_is_secret_is_marked_and_has_no_default(said: dict[str, Any]):
    part = field_of("f", {"type": "string", "default": "hunter2", **said}, required=True).part
    assert (part.secret, part.default) == (True, None)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("password", True), ("dbPassword", True), ("GITHUB_TOKEN", True), ("api-key", True), ("APIKey", True),
        ("clientSecret", True), ("the private key", True), ("key", False), ("keyboard", False), ("sort key", False),
        ("token count", False), ("secretary", False), ("tokens", False), ("", False), ("7", False),
    ],
)  # fmt: skip
def test_a_text_that_is_called_a_secret_is_one_and_no_other_field(name: str, secret: bool):
    """No mark of one comes through the clients of claude and codex."""
    for part in (
        field_of(name, {"type": "string"}, required=False).part,
        field_of("f", {"type": "string", "title": name}, required=False).part,
    ):
        assert part.secret == (secret or None)
    for other in ({"type": "integer"}, {"type": "boolean"}, {"type": "string", "enum": ["a"]}):
        assert field_of(name, other, required=False).part.secret is None


@pytest.mark.parametrize("url", ["", None, 7, "javascript:alert(1)", "file:///etc/passwd", "https://e.com/\x1b[0m"])
def test_an_address_that_nobody_should_open_is_not_shown(url: Any):
    with pytest.raises(Unaskable):
        elicited("lab", "Open", url=url or "")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
WORDS = st.sampled_from([
    "type", "enum", "enumNames", "oneOf", "anyOf", "items", "default", "minimum", "maximum", "minLength", "maxLength",
    "minItems", "maxItems", "format", "title", "description", "const", "required", "properties",
])  # fmt: skip
TYPES = st.sampled_from(["string", "number", "integer", "boolean", "array", "object"])
FIELD = st.dictionaries(WORDS, JSON, max_size=6) | st.fixed_dictionaries({"type": TYPES}, optional={"default": JSON})


@given(JSON | st.fixed_dictionaries({"properties": st.dictionaries(st.text(max_size=5), FIELD, max_size=4)}), JSON)
def test_any_schema_is_a_question_that_can_be_kept_or_is_declined(schema: Any, message: Any):
    try:
        question = elicited("lab", message, schema=schema).question("q")
    except Unaskable:
        return
    codec = Codec()
    assert codec.decode(codec.encode(question), QuestionEventData) == question
    assert question.questions


TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": TEXTS,
    "integer": st.integers(-(2**53) + 1, 2**53 - 1),
    "number": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "sure": st.booleans(),
    "choice": st.sampled_from(["a", "b", "c"]),
    "many": st.lists(st.sampled_from(["a", "b", "c"]), unique=True),
}
SCHEMA = {
    "type": "object",
    "properties": {
        "text": {"type": "string"},
        "integer": {"type": "integer"},
        "number": {"type": "number"},
        "sure": {"type": "boolean"},
        "choice": {"type": "string", "oneOf": [{"const": each, "title": f"The {each}"} for each in "abc"]},
        "many": {"type": "array", "items": {"enum": ["a", "b", "c"]}},
    },
    "required": list(VALUES),
}


def written(name: str, value: Any) -> tuple[str, ...]:
    """How a human says it."""
    match name:
        case "sure":
            return ("Yes" if value else "No",)
        case "choice":
            return (f"The {value}",)
        case "many":
            return tuple(value)
        case _:
            return (str(value),)


@given(st.fixed_dictionaries(VALUES))
def test_what_a_human_means_reaches_the_server(values: dict[str, Any]):
    form = elicited("lab", "Please", schema=SCHEMA)
    answers = [written(field.name, values[field.name]) for field in form.fields]
    assert form.content(answers) == values


@given(FIELD, st.lists(TEXTS, max_size=3))
def test_an_answer_is_a_value_or_a_bad_answer(said: dict[str, Any], answers: list[str]):
    try:
        field = field_of("f", said, required=True)
    except Unaskable:
        return
    with suppress(BadAnswer):
        value_of(field.part, answers)
        field.value(tuple(answers))
