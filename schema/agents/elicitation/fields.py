"""One field of a form as a question. The shapes are those of MCP 2025-11-25, `PrimitiveSchemaDefinition`, and older."""

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve, field, frozen

from ...bounds import MAX_NAME, shortened
from ...events import QuestionKind, QuestionOption, QuestionPart
from ..json_lines import MAX_SAID, as_text, elements, members
from .answers import LARGEST_INTEGER, LEFT_OUT, BadAnswer, value_of
from .secrets import is_called_secret, is_marked

YES, NO = "Yes", "No"

MOST_OPTIONS = 500
"""Choices of one field."""


class Unaskable(ValueError):
    """The message says why nobody can be asked this."""


@frozen
class Field:
    """``values`` maps the label of a choice to what the server wants to hear."""

    name: str
    part: QuestionPart
    values: Mapping[str, Any] = field(factory=dict[str, Any])

    def value(self, given: tuple[str, ...]) -> Any:
        """Raises :class:`BadAnswer`."""
        said = value_of(self.part, given)
        if not self.values or said is LEFT_OUT:
            return said
        return [self.values[label] for label in elements(said)] if self.part.multi_select else self.values[said]


def field_of(name: str, said: dict[str, Any], *, required: bool) -> Field:
    """Raises :class:`Unaskable`."""
    if len(name) > MAX_NAME:
        raise Unaskable(f"the name of a field has {len(name)} characters")
    many = _type(said) == "array"
    values = _choices(members(said.get("items")) if many else said)
    if len(values) > MOST_OPTIONS:
        raise Unaskable(f"a field has {len(values)} choices")
    if values:
        kind: QuestionKind = "choice"
    else:
        kind, many = _kind(said), False
    title = shortened(as_text(said.get("title") or name), MAX_NAME)
    secret = is_marked(said) or (kind == "text" and any(map(is_called_secret, (name, title))))
    part = QuestionPart(
        shortened(as_text(said.get("description") or title), MAX_SAID),
        tuple(map(QuestionOption, values)),
        title,
        many,
        name=name,
        kind=kind,
        required=required,
        secret=secret or None,
        **_bounds(kind, said, many=many),
    )
    return Field(name, _with_default(part, values, said.get("default")), values)


def _type(said: dict[str, Any]) -> Any:
    """One of several types is taken: the first that is not null."""
    kind = said.get("type")
    return next((each for each in elements(kind) if each != "null"), None) if isinstance(kind, list) else kind


def _kind(said: dict[str, Any]) -> QuestionKind:
    """What is of no type that a form has is asked for as JSON."""
    match _type(said):
        case "string":
            return "text"
        case "number":
            return "number"
        case "integer":
            return "integer"
        case _:
            return "json"


def _choices(said: dict[str, Any]) -> dict[str, Any]:
    """By label. ``oneOf`` and ``anyOf`` give each constant a title; ``enumNames`` is the older way to do so."""
    if _type(said) == "boolean":
        return {YES: True, NO: False}
    values = elements(said.get("enum"))
    if values:
        names = elements(said.get("enumNames"))
        labels = names if len(names) == len(values) else values
        return dict(_labelled(zip(labels, values, strict=True)))
    titled = [members(option) for option in elements(said.get("oneOf")) or elements(said.get("anyOf"))]
    if not all("const" in option for option in titled):
        return {}
    return dict(_labelled((option.get("title") or option["const"], option["const"]) for option in titled))


def _labelled(choices: Iterator[tuple[Any, Any]]) -> Iterator[tuple[str, Any]]:
    """An answer is a label: no two are alike."""
    given: set[str] = set()
    for said, value in choices:
        label = first = shortened(as_text(said), MAX_NAME)
        count = 1
        while label in given:
            count += 1
            label = f"{first} ({count})"
        given.add(label)
        yield label, value


def _bounds(kind: QuestionKind, said: dict[str, Any], *, many: bool) -> dict[str, Any]:
    match kind:
        case "text":
            found = {"min_length": _count(said.get("minLength")), "max_length": _count(said.get("maxLength"))}
            written = said.get("format")
            return {**found, "format": shortened(written, MAX_NAME) if isinstance(written, str) else None}
        case "number" | "integer":
            return {"minimum": _number(said.get("minimum")), "maximum": _number(said.get("maximum"))}
        case "choice" if many:
            return {"min_items": _count(said.get("minItems")), "max_items": _count(said.get("maxItems"))}
        case _:
            return {}


def _count(value: Any) -> int | None:
    number = _number(value)
    return number if isinstance(number, int) and number >= 0 else None


def _number(value: Any) -> float | None:
    """A bound that is beyond all numbers that we take is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) <= LARGEST_INTEGER:
        return None
    return int(value) if value == int(value) else value


def _with_default(part: QuestionPart, values: Mapping[str, Any], default: Any) -> QuestionPart:
    """One that would not be taken as an answer is none. That of a secret is not shown, so it is none either."""
    if default is None or part.secret:
        return part
    if values:
        wanted = elements(default) if part.multi_select else [default]
        labels = tuple(label for label, value in values.items() if any(_same(value, each) for each in wanted))
    else:
        labels = (as_text(default),)
    if not labels or sum(map(len, labels)) > MAX_SAID:
        return part
    try:
        value_of(part, labels)
    except BadAnswer:
        return part
    return evolve(part, default=labels)


def _same(one: Any, other: Any) -> bool:
    """True is not 1."""
    return type(one) is type(other) and one == other
