"""Playbooks: a dialect's or the ledger's behaviour as a transcript, in the spirit of mitmproxy's.

``>>`` says something to the subject, ``<<`` is what it must answer, in order and nothing else::

    assert (
        Playbook(Mock(spec))
        >> begins()
        << writes({"type": "hello", "session": "mock-s"})
        >> says({"type": "hello"})
        << Ready()
    )

A step fails where it stands, with the transcript so far. The ``assert`` at the end checks that nothing was left
unanswered; without it the last step's surplus would go unnoticed.

What may stand after ``<<``:

* an effect: equal to the answer, where ``raw`` counts only if the expectation sets it;
* :func:`writes`: a :class:`Write` of this JSON, whatever its spelling;
* :func:`any_of`: an effect of this class, whose fields are nobody's business here;
* a string: the answer as :func:`describe` tells it. With ``Playbook(subject, Ledger())`` a dialect's drafts pass
  through the ledger, so strings can state the events that clients see.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs
import msgspec
from attrs import frozen

from sandbox_agent.schema.agents.dialect import Dialect, ExitStatus, Prompt
from sandbox_agent.schema.agents.effects import (
    Draft,
    Errored,
    ItemCompleted,
    ItemDelta,
    ItemStarted,
    SessionEnded,
    TurnEnded,
    TurnStarted,
    Unparsed,
    Write,
)
from sandbox_agent.schema.agents.ledger import EventDraft, Ledger
from sandbox_agent.schema.api.sessions import PermissionReply
from sandbox_agent.schema.events import (
    AgentUnparsedData,
    ErrorData,
    ItemDeltaData,
    ItemEventData,
    SessionEndedData,
    TurnEventData,
)
from sandbox_agent.schema.items import ReasoningPart, TextPart

DRAFTS = (TurnStarted, TurnEnded, ItemStarted, ItemDelta, ItemCompleted, Errored, Unparsed, SessionEnded)


@frozen
class Said:
    """Something that is said to a dialect; ``line`` is how the transcript shows it."""

    line: str
    say: Callable[[Dialect], Iterable[Any]]


def begins() -> Said:
    return Said("begin", lambda dialect: dialect.begin())


def prompts(text: str, number: int = 1, **rest: Any) -> Said:
    return Said(f"prompt {number} {text!r}", lambda dialect: dialect.prompt(Prompt(number, text, **rest)))


def says(message: Any) -> Said:
    """The agent says a line: bytes as they are, anything else as JSON."""
    line = message if isinstance(message, bytes) else json.dumps(message).encode()
    return Said(f"agent {line[:200]!r}", lambda dialect: dialect.receive(line))


def allows(permission_id: str, reply: PermissionReply = "once") -> Said:
    return Said(f"{permission_id}: {reply}", lambda dialect: dialect.answer_permission(permission_id, reply))


def rejects(permission_id: str) -> Said:
    return allows(permission_id, "reject")


def answers(question_id: str, given: Sequence[Sequence[str]] | None) -> Said:
    """``None``: the human rejects to answer."""
    return Said(f"{question_id}: {given}", lambda dialect: dialect.answer_question(question_id, given))


def interrupts() -> Said:
    return Said("interrupt", lambda dialect: dialect.interrupt())


def exits(code: int | None = 0, signal: int | None = None) -> Said:
    status = ExitStatus(code, signal)
    return Said(f"exits with {status}", lambda dialect: dialect.exited(status))


@frozen
class Matcher:
    line: str
    matches: Callable[[Any], bool]

    def __repr__(self) -> str:
        return self.line


def writes(message: Any) -> Matcher:
    def matches(got: Any) -> bool:
        return isinstance(got, Write) and got.data.endswith(b"\n") and json.loads(got.data) == message

    return Matcher(f"Write({json.dumps(message)})", matches)


def any_of(cls: type) -> Matcher:
    return Matcher(f"any {cls.__name__}", lambda got: isinstance(got, cls))


class Playbook:
    """``subject`` is a :class:`Dialect`, or a :class:`Ledger` that is fed drafts."""

    def __init__(self, subject: Any, ledger: Ledger | None = None) -> None:
        self._subject = subject
        self._ledger = ledger
        self._pending: list[Any] = []
        self._transcript: list[str] = []

    def __rshift__(self, said: Any) -> "Playbook":
        self._nothing_left()
        self._transcript.append(f">> {said.line if isinstance(said, Said) else said!r}")
        if isinstance(said, Said):
            for effect in said.say(self._subject):
                self._pending.extend(self._through_ledger(effect))
        else:
            self._pending.extend(self._subject.apply(said))
        return self

    def __lshift__(self, expected: Any) -> "Playbook":
        if not self._pending:
            raise AssertionError(self._story(f"nothing more was said, but expected\n   << {expected!r}"))
        got = self._pending.pop(0)
        if not fits(expected, got):
            raise AssertionError(self._story(f"expected\n   << {expected!r}\ngot\n   << {shown(expected, got)}"))
        self._transcript.append(f"<< {expected!r}")
        return self

    def __bool__(self) -> bool:
        self._nothing_left()
        return True

    def _through_ledger(self, effect: Any) -> Iterable[Any]:
        if self._ledger is not None and isinstance(effect, DRAFTS):
            return self._ledger.apply(effect)
        return (effect,)

    def _nothing_left(self) -> None:
        if self._pending:
            left = "\n".join(f"   << {describe(got)}" for got in self._pending)
            raise AssertionError(self._story(f"not expected, but said:\n{left}"))

    def _story(self, end: str) -> str:
        return "\n".join(["the playbook went:", *("   " + line for line in self._transcript), end])


def fits(expected: Any, got: Any) -> bool:
    match expected:
        case str():
            return describe(got) == expected
        case Matcher():
            return expected.matches(got)
        case _ if getattr(expected, "raw", None) is None and getattr(got, "raw", None) is not None:
            evolve = attrs.evolve if attrs.has(type(got)) else msgspec.structs.replace
            return bool(expected == evolve(got, raw=None))
        case _:
            return bool(expected == got)


def shown(expected: Any, got: Any) -> str:
    return repr(describe(got)) if isinstance(expected, str) else repr(got)


def describe(got: EventDraft | Any) -> str:
    """An event on one line, such as ``S item.started itm_1 p_ok message assistant 'OK'``; S marks the synthetic.
    Effects that are no events are their repr."""
    if not isinstance(got, EventDraft):
        return repr(got)
    return ("S " if got.synthetic else "") + f"{got.type} {_essence(got)}"


def _essence(event: EventDraft) -> str:
    match event.data:
        case TurnEventData(phase="started", turn_id=turn_id):
            return str(turn_id)
        case TurnEventData(turn_id=turn_id, metadata=metadata):
            return f"{turn_id} {metadata['outcome']}"
        case ItemEventData(item=item):
            words = [item.item_id, item.native_item_id, item.kind, item.role]
            words += [item.status] if event.type == "item.completed" else []
            words += [f"in {item.parent_id}"] if item.parent_id else []
            words += [repr(text)] if (text := text_of(item.content)) else []
            return " ".join(str(word) for word in words)
        case ItemDeltaData(item_id=item_id, delta=delta):
            return f"{item_id} {delta!r}"
        case ErrorData(code=code, message=message):
            return f"{code}: {message}"
        case AgentUnparsedData(error=error, location=location):
            return f"{location}: {error}"
        case SessionEndedData(reason=reason, terminated_by=by):
            return f"{reason} by {by}"
        case other:
            return repr(other)


def text_of(content: Iterable[Any]) -> str:
    return "\n".join(part.text for part in content if isinstance(part, (TextPart, ReasoningPart)))


def apply_all(ledger: Ledger, drafts: Iterable[Draft]) -> list[EventDraft]:
    return [event for draft in drafts for event in ledger.apply(draft)]
