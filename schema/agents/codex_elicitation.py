"""Forms of MCP servers as questions. Only what can be answered by a choice: enumerations and booleans.

The shapes are those of MCP 2025-11-25, `ElicitRequestFormParams`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

from ..events import QuestionOption, QuestionPart
from .native import as_text, elements, members

_YES, _NO = "Yes", "No"


@frozen
class Field:
    """``values`` maps the label that is shown to what the server wants to hear."""

    name: str
    part: QuestionPart
    values: Mapping[str, Any]


def fields_of(schema: Any) -> tuple[Field, ...]:
    """The form's fields; none when it has a field that a choice cannot answer, though an optional one is left out."""
    required = elements(members(schema).get("required"))
    fields: list[Field] = []
    for name, said in members(members(schema).get("properties")).items():
        field = _field(name, members(said))
        if field is not None:
            fields.append(field)
        elif name in required:
            return ()
    return tuple(fields)


def content_of(fields: Sequence[Field], answers: Sequence[Sequence[str]]) -> dict[str, Any] | None:
    """The form filled in; None when an answer is none of the choices."""
    content: dict[str, Any] = {}
    for field, given in zip(fields, answers, strict=False):
        if any(label not in field.values for label in given):
            return None
        values = [field.values[label] for label in given]
        if field.part.multi_select:
            content[field.name] = values
        elif values:
            content[field.name] = values[0]
    return content


def _field(name: str, said: dict[str, Any]) -> Field | None:
    match said:
        case {"type": "boolean"}:
            values: dict[str, Any] = {_YES: True, _NO: False}
        case {"type": "array", "items": items}:
            values = _choices(members(items))
        case _:
            values = _choices(said)
    if not values:
        return None
    title = as_text(said.get("title") or name)
    question = as_text(said.get("description") or title)
    options = tuple(map(QuestionOption, values))
    return Field(name, QuestionPart(question, options, title, said.get("type") == "array"), values)


def _choices(said: dict[str, Any]) -> dict[str, str]:
    """By label. ``oneOf`` and ``anyOf`` give each constant a title; ``enumNames`` is the older way to do so."""
    values = [value for value in elements(said.get("enum")) if isinstance(value, str)]
    if values:
        names = elements(said.get("enumNames"))
        labels = map(as_text, names) if len(names) == len(values) else values
        return dict(zip(labels, values, strict=True))
    titled = [members(option) for option in elements(said.get("oneOf")) or elements(said.get("anyOf"))]
    return {
        as_text(option.get("title") or option["const"]): option["const"]
        for option in titled
        if isinstance(option.get("const"), str)
    }
