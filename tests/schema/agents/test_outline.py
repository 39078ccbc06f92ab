"""The outline of text that is nested too deeply: who asks is found, in bounded time, whatever stands behind it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox_agent.schema.agents.outline import LEVELS, outline


def nested(levels: int, opening: str = "[", closing: str = "]") -> str:
    return opening * levels + "1" + closing * levels


@pytest.mark.parametrize("levels", [200, 970, 3000])
def test_the_members_before_and_behind_what_is_too_deep(levels: int):
    deep = nested(levels, '{"a":', "}")
    text = f'{{"type":"x","id":7,"request":{{"input":{deep},"subtype":"s"}},"last":"y"}}'
    found = outline(text.encode())
    assert (found["type"], found["id"], found["last"]) == ("x", 7, "y")
    assert found["request"]["subtype"] == "s"


def test_a_million_levels_cost_no_more_than_the_bound():
    found = outline(b'{"id":"x","deep":' + b"[" * 1_000_000)
    assert found == {"id": "x"}


def test_brackets_and_quotes_inside_of_strings_are_text():
    said = {"a": 'x"}{[,:', "b": "\\", "c": {"d": '\\"}'}}
    assert outline(json.dumps(said).encode()) == said


SHALLOW = st.dictionaries(
    st.text(max_size=6),
    st.none()
    | st.booleans()
    | st.integers(-99, 99)
    | st.text(max_size=6)
    | st.dictionaries(st.text(max_size=6), st.integers(0, 9) | st.text(max_size=6), max_size=3),
    max_size=4,
)


@given(SHALLOW)
def test_of_shallow_text_it_is_all_there_is(said: Any):
    assert LEVELS >= 2
    assert outline(json.dumps(said).encode()) == said


@given(st.binary(max_size=60))
def test_it_never_raises(text: bytes):
    outline(text)
