"""Commands of opencode's: what is one, and the call that it becomes."""

from typing import Any

import pytest

from sandbox_agent.schema.agents.dialect import Attachment

from ...playbook import Matcher, Playbook, interrupts, prompts
from .talk import OWN, answers_call, calls, idle

LIST = [{"name": "greet", "template": "t", "hints": []}]
MODEL = {"providerID": "p", "modelID": "m"}


def asked(text: str, **rest: Any) -> Playbook:
    return (
        idle()
        >> prompts(text, **rest)
        << "S turn.started turn_1"
        << f"S item.started itm_1 user_1 message user {text!r}"
        << f"S item.completed itm_1 user_1 message user completed {text!r}"
        << calls("commands 1", "GET", "/command")
    )


def plain(text: str) -> Matcher:
    body = {"parts": [{"type": "text", "text": text}], "agent": "build", "model": MODEL}
    return calls("prompt 1", "POST", f"/session/{OWN}/prompt_async", body)


def command(arguments: str, *parts: dict[str, Any]) -> Matcher:
    body = {"command": "greet", "arguments": arguments, "agent": "build", "parts": list(parts), "model": "p/m"}
    return calls("prompt 1", "POST", f"/session/{OWN}/command", body)


@pytest.mark.parametrize(
    ("text", "arguments"), [("/greet", ""), ("/greet big  world", "big  world"), ("/greet\none\ntwo", "one\ntwo")]
)
def test_a_command_that_there_is_is_run_with_the_rest_as_its_arguments(text: str, arguments: str):
    assert asked(text) >> answers_call("commands 1", LIST) << command(arguments)


def test_files_go_along():
    notes = Attachment("/w/a.txt", "text/plain", "a.txt")
    part = {"type": "file", "mime": "text/plain", "filename": "a.txt", "url": "file:///w/a.txt"}
    assert asked("/greet", attachments=(notes,)) >> answers_call("commands 1", LIST) << command("", part)


@pytest.mark.parametrize("text", ["/nosuch", "/clear", "/compact with words", "/usr/bin/env is a path"])
@pytest.mark.parametrize("listed", [LIST, None, [7, {"name": 7}], {}])
def test_what_is_no_command_is_plain_text(text: str, listed: Any):
    assert asked(text) >> answers_call("commands 1", listed) << plain(text)


def test_a_list_that_does_not_come_makes_it_plain_text():
    assert asked("/greet") >> answers_call("commands 1", None, status=0) << plain("/greet")


def test_compact_summarizes_with_the_sessions_model():
    summarize = calls("prompt 1", "POST", f"/session/{OWN}/summarize", MODEL)
    assert asked("/compact") >> answers_call("commands 1", LIST) << summarize


def test_a_users_command_of_that_name_counts_more():
    mine = [{"name": "compact", "template": "t", "hints": []}]
    body = {"command": "compact", "arguments": "", "agent": "build", "parts": [], "model": "p/m"}
    called = calls("prompt 1", "POST", f"/session/{OWN}/command", body)
    assert asked("/compact") >> answers_call("commands 1", mine) << called


def test_an_interrupt_before_the_answer_ends_the_turn_and_nothing_is_sent():
    assert asked("/greet") >> interrupts() << "S turn.ended turn_1 interrupted" >> answers_call("commands 1", LIST)
