"""Transcripts: what a real agent said, kept in a file with what the dialect must make of it.

A file is played line by line; what comes out is written down again in the same form and must be the same text:

* ``> begin``, ``> prompt TEXT``, ``> permission ID REPLY``, ``> question ID ANSWERS``, ``> interrupt``,
  ``> hook ID REQUEST``, ``> hook_gone ID``: the session says it;
* ``< LINE``: the agent says it;
* ``~ DATA``: it is the payload of an event of the agent's stream; ``@ [CALL, STATUS, BODY]``: the answer to a call;
* ``= …``: what follows from the line above, through the ledger; in the order of the effects.

Drafts are told as the events that clients see, with their content; commands to the session as they are.
"""

import json
from collections.abc import Iterable, Iterator

import attrs

from sandbox_agent.schema.agents.dialect import Dialect, HookedDialect, HttpDialect, HttpResponse, Prompt
from sandbox_agent.schema.agents.effects import CallHttp, Effect, Write
from sandbox_agent.schema.agents.ledger import EventDraft, Ledger
from sandbox_agent.schema.events import ErrorData, ItemEventData, TurnEventData

from ..playbook import DRAFTS, describe


def played(text: str, dialect: Dialect) -> str:
    """The transcript as the dialect plays it now."""
    ledger = Ledger()
    lines: list[str] = []
    prompts = 0
    for line in text.splitlines():
        if line.startswith("="):
            continue
        lines.append(line)
        prompts += line.startswith("> prompt")
        for effect in _said(line, prompts, dialect):
            lines += [f"= {told}" for told in _told(effect, ledger)]
    return "\n".join(lines) + "\n"


def _said(line: str, prompts: int, dialect: Dialect) -> Iterable[Effect]:
    direction, _, words = line.partition(" ")
    if direction == "<":
        return dialect.receive(words.encode())
    if direction in ("~", "@"):
        assert isinstance(dialect, HttpDialect)
        if direction == "~":
            return dialect.streamed(words.encode())
        call_id, status, body = json.loads(words)
        return dialect.responded(call_id, HttpResponse(status, json.dumps(body).encode() if body is not None else b""))
    verb, _, rest = words.partition(" ")
    match verb:
        case "begin":
            return dialect.begin()
        case "prompt":
            return dialect.prompt(Prompt(prompts, rest))
        case "permission":
            permission_id, reply = rest.split()
            return dialect.answer_permission(permission_id, reply)  # type: ignore[arg-type]
        case "question":
            question_id, _, answers = rest.partition(" ")
            return dialect.answer_question(question_id, json.loads(answers))
        case "interrupt":
            return dialect.interrupt()
        case "hook" if isinstance(dialect, HookedDialect):
            hook_id, _, request = rest.partition(" ")
            return dialect.hooked(hook_id, json.loads(request))
        case "hook_gone" if isinstance(dialect, HookedDialect):
            return dialect.hook_gone(rest)
        case _:
            raise AssertionError(f"no line of a transcript: {line}")


def _told(effect: Effect, ledger: Ledger) -> Iterator[str]:
    match effect:
        case _ if isinstance(effect, DRAFTS):
            yield from map(_event, ledger.apply(effect))
        case Write(data=data):
            yield f"write {data.decode().rstrip()}"
        case CallHttp(call_id=call_id, method=method, path=path, body=body):
            yield f"call {call_id}: {method} {path} {(body or b'').decode()}".rstrip()
        case _ if "raw" in attrs.fields_dict(type(effect)):
            yield repr(attrs.evolve(effect, raw=None))  # type: ignore[call-arg]
        case _:
            yield repr(effect)


def _event(event: EventDraft) -> str:
    match event.data:
        case ItemEventData(item=item) if event.type == "item.completed":
            return f"{describe(event)} {' '.join(map(repr, item.content))}"
        case TurnEventData(metadata=metadata) if metadata is not None:
            return f"{describe(event)} {metadata!r}"
        case ErrorData(details=details):
            return f"{describe(event)} {details!r}"
        case _:
            return describe(event)
