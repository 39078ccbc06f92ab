"""Query parameters: decoded into the route's query class, strictly, with errors that name the parameter."""

from collections.abc import Mapping
from types import NoneType
from typing import Any, TypeVar, get_args

import attrs

from ...schema.codec import wire_name
from ...schema.cursor import Cursor
from ...schema.problems import invalid_request

T = TypeVar("T")

_BOOLEANS = {"true": True, "false": False}
MAX_INTEGER = (1 << 63) - 1


def parse_query(cls: type[T], given: Mapping[str, str]) -> T:
    """Raises a 400 problem. Unknown parameters are ignored; ``include_raw`` may also be written ``includeRaw``."""
    values: dict[str, Any] = {}
    for field in attrs.fields(attrs.resolve_types(cls)):  # pyright: ignore[reportArgumentType]
        for name in (field.name, wire_name(cls, field.name)):
            if name in given:
                values[field.name] = _value(name, given[name], value_type(field.type))
                break
    return cls(**values)


def value_type(annotation: Any) -> type:
    """The type of a parameter that may be absent."""
    return next(arm for arm in get_args(annotation) if arm is not NoneType)


def _value(name: str, text: str, kind: type) -> Any:
    if kind is bool:
        if text not in _BOOLEANS:
            raise invalid_request(f"query parameter `{name}` must be true or false; got {text!r}")
        return _BOOLEANS[text]
    if kind is Cursor:
        return Cursor.parse(text, f"query parameter `{name}`")
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > MAX_INTEGER:
        raise invalid_request(f"query parameter `{name}` must be a whole number, 0 or more; got {text!r}")
    return int(text)
