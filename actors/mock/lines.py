"""Builders of the lines that the program says; :mod:`.program` documents the protocol.

Nothing in this package imports more than a few modules of the standard library, neither ``typing`` nor
``dataclasses``: hundreds of these programs run at once, and a start must stay below 30 ms of CPU.
"""

from collections.abc import Iterator

Line = dict[str, object]
Part = dict[str, object]


def text(words: str) -> Part:
    return {"type": "text", "text": words}


def started(item_id: str, kind: str, role: str | None, *content: Part) -> Line:
    return {"type": "item_started", "id": item_id, "kind": kind, "role": role, "content": list(content)}


def delta(item_id: str, words: str) -> Line:
    return {"type": "delta", "id": item_id, "text": words}


def completed(item_id: str, kind: str, role: str | None, *content: Part, failed: bool = False) -> Line:
    line: Line = {"type": "item_completed", "id": item_id, "kind": kind, "role": role, "content": list(content)}
    return line | {"failed": True} if failed else line


def item(item_id: str, kind: str, role: str | None, *content: Part) -> Iterator[Line]:
    """An item that is complete from the start."""
    yield started(item_id, kind, role, *content)
    yield completed(item_id, kind, role, *content)


def say(item_id: str, words: str) -> Iterator[Line]:
    """A message of the assistant."""
    yield from item(item_id, "message", "assistant", text(words))


def permission(approval_id: str, action: str, **metadata: object) -> Line:
    return {"type": "permission", "id": approval_id, "action": action, "metadata": metadata}


def question(approval_id: str, words: str, *options: str) -> Line:
    return {"type": "question", "id": approval_id, "question": words, "options": list(options)}


SECRET = "token"  # noqa: S105 - the name of a field
"""The field of a form that is secret."""


def elicitation(approval_id: str, words: str, fields: Line, *required: str) -> Line:
    """The form of an MCP server. ``fields`` are JSON schemas by name."""
    schema = {"type": "object", "properties": fields, "required": list(required)}
    return {"type": "question", "id": approval_id, "question": words, "form": schema}


def address(approval_id: str, words: str, url: str) -> Line:
    """An address to open."""
    return {"type": "question", "id": approval_id, "question": words, "url": url}
