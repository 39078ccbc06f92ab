"""Keys and fingerprints: what makes two commands the same one."""

import pytest

from sandbox_agent.schema.api.commands import (
    InterruptCommand,
    MessageCommand,
    PermissionReplyCommand,
    QuestionRejectCommand,
    QuestionReplyCommand,
    QueueCancelCommand,
    TerminateCommand,
    check_key,
    fingerprint,
)
from sandbox_agent.schema.api.sessions import MessageAttachment
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.problems import Problem

ALL_DIFFERENT = [
    MessageCommand("hi"),
    MessageCommand("hi "),
    MessageCommand("hi", (MessageAttachment("/a"),)),
    MessageCommand("hi", (MessageAttachment("/a", "text/plain"),)),
    MessageCommand("hi", (MessageAttachment("/a"), MessageAttachment("/a"))),
    PermissionReplyCommand("p", "once"),
    PermissionReplyCommand("p", "always"),
    QuestionReplyCommand("q", (("a", "b"),)),
    QuestionReplyCommand("q", (("a",), ("b",))),
    QuestionRejectCommand("q"),
    QueueCancelCommand("turn_1"),
    QueueCancelCommand("turn_2"),
    InterruptCommand(),
    TerminateCommand(),
]


def print_of(command) -> str:
    return fingerprint(Codec().plain(command))


def test_every_difference_shows_and_nothing_else():
    prints = [print_of(command) for command in ALL_DIFFERENT]
    assert len(set(prints)) == len(ALL_DIFFERENT)
    assert prints == [print_of(command) for command in ALL_DIFFERENT]


def test_a_member_that_a_later_version_adds_does_not_change_what_was_said_before():
    old = {"type": "message", "message": "hi", "attachments": [{"path": "/a"}]}
    new = {"attachments": [{"mime": None, "path": "/a"}], "message": "hi", "type": "message", "urgency": None}
    assert fingerprint(old) == fingerprint(new)
    assert fingerprint(old) != fingerprint(new | {"urgency": "high"})


@pytest.mark.parametrize("key", ["", "x" * 257, "a\nb", "tab\t", "\x7f", "\u2028"])
def test_a_key_that_is_none_is_refused_by_name(key):
    with pytest.raises(Problem, match="header K must be 1 to 256 printable") as refused:
        check_key(key, "header K")
    assert refused.value.status == 400


@pytest.mark.parametrize("key", ["a", "x" * 256, "a b", '"8e03978e"', "clé-7"])
def test_any_printable_text_is_a_key(key):
    assert check_key(key, "`id`") == key
