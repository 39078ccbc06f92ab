"""The codec: cattrs at the edges, msgspec for the bytes.

Bodies are camelCase and event payloads are snake_case, as on the 0.1 wire. Decoding is strict (a number is never
accepted for a string), and an error names the field: ``Converter`` alone would silently turn ``{"message": 1}`` into
``"1"``. An explicit ``null`` for a member that has a default means that it is absent.
"""

import reprlib
from collections.abc import Callable, Mapping
from functools import partial
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

import attrs
import msgspec
from cattrs import ClassValidationError, Converter, IterableValidationError
from cattrs.errors import ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override

from . import cursor, events, items
from .api.sessions import AgentError
from .approvals import decided_by
from .bounds import MAX_REPEATED, shortened
from .events import EVENT_KINDS, EventData, UniversalEvent
from .fields import MAX_CHARS, MAX_ITEMS, MAX_JSON_BYTES, OMIT, BadMember
from .json_text import BAD_JSON, decode_json
from .problems import Problem, invalid_request, unprocessable
from .timeouts import SessionTimeouts

T = TypeVar("T")

_SNAKE_MODULES = (events.__name__, items.__name__, cursor.__name__, decided_by.__name__)
_SNAKE_CLASSES = (AgentError,)  # the one body of wire 0.1 that is not camelCase
_CLOSED_CLASSES = (SessionTimeouts,)  # they refuse a member that they do not know


class FieldError(ValueError):
    """The caller's value does not fit its field."""


def wire_name(cls: type, attribute: str) -> str:
    """The member's name on the wire: snake_case in events and items, camelCase in every other body."""
    if cls.__module__ in _SNAKE_MODULES or cls in _SNAKE_CLASSES:
        return attribute
    head, *rest = attribute.split("_")
    return head + "".join(word.capitalize() for word in rest)


def _unstructure_class(converter: Converter, cls: type) -> Callable[[Any], Any]:
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(attrs.resolve_types(cls))
    overrides: dict[str, Any] = {
        a.name: override(
            rename=wire_name(cls, a.name),
            omit_if_default=bool(a.metadata.get(OMIT)),
            omit=False,
            unstruct_hook=_as_is if a.type is Any else None,
        )
        for a in fields
    }
    unstructure: Callable[[Any], Any] = make_dict_unstructure_fn(cast("Any", cls), converter, **overrides)
    return unstructure


def _as_is(value: Any) -> Any:
    return value


def _structure_class(converter: Converter, cls: type, *, bounded: bool) -> Callable[[Any, Any], Any]:
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(attrs.resolve_types(cls))
    overrides: dict[str, Any] = {a.name: override(rename=wire_name(cls, a.name), omit=not a.init) for a in fields}
    bounds = [a for a in fields if bounded and not {MAX_CHARS, MAX_ITEMS, MAX_JSON_BYTES}.isdisjoint(a.metadata)]
    closed = cls in _CLOSED_CLASSES
    build: Callable[[Any, Any], Any] = make_dict_structure_fn(
        cast("Any", cls), converter, _cattrs_forbid_extra_keys=closed, **overrides
    )
    required = {wire_name(cls, a.name) for a in fields if a.init and a.default is attrs.NOTHING}

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise FieldError(f"expected an object, got {_kind(value)}")
        present: dict[str, Any] = {k: v for k, v in value.items() if v is not None or k in required}  # pyright: ignore[reportUnknownVariableType]
        if bounds and (beyond := [error for a in bounds if (error := _beyond(a, present.get(wire_name(cls, a.name))))]):
            raise ClassValidationError(f"{cls.__name__} is too large", beyond, cls)  # pyright: ignore[reportCallIssue]
        return build(present, cls)

    return structure


def _beyond(attribute: "attrs.Attribute[Any]", value: Any) -> BadMember | None:
    """The error about the size of a member, before it is decoded."""
    chars, size = attribute.metadata.get(MAX_CHARS), attribute.metadata.get(MAX_JSON_BYTES)
    if chars is not None and isinstance(value, str) and len(value) > chars:
        return BadMember(attribute.name, f"expected at most {chars} characters; got {len(value)}")
    items = attribute.metadata.get(MAX_ITEMS)
    if items is not None and isinstance(value, list) and (count := _longest(cast("list[Any]", value))) > items:
        return BadMember(attribute.name, f"expected at most {items} elements; got {count}")
    if size is not None and value is not None and (got := len(msgspec.json.encode(value))) > size:
        return BadMember(attribute.name, f"expected at most {size} bytes of JSON; got {got}")
    return None


def _longest(array: list[Any]) -> int:
    """How many elements the array, or an array in it, has."""
    return max(len(array), *(len(cast("list[Any]", inner)) for inner in array if isinstance(inner, list)), 0)


def _structure_tagged(converter: Converter, union: Any) -> Callable[[Any, Any], Any]:
    classes = {str(_tag_of(cls)): cls for cls in get_args(union)}

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, dict):
            raise FieldError(f"expected an object, got {_kind(value)}")
        said: Any = value.get("type")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if not isinstance(said, str) or said not in classes:  # other values than strings may not be hashable
            raise FieldError(f"`type` must be one of {', '.join(classes)}; got {reprlib.repr(said)}")  # pyright: ignore[reportUnknownArgumentType]
        return converter.structure(value, classes[said])

    return structure


def _tag_of(cls: Any) -> str | None:
    """The constant ``type`` of a union's variant, or None for a class that has none."""
    if not attrs.has(cls):
        return None
    kind = attrs.fields_dict(cls).get("type")
    return kind.default if kind is not None and not kind.init else None  # type: ignore[no-any-return]


def _is_union(tp: Any) -> bool:
    return get_origin(tp) in (Union, UnionType)


def _is_tagged(tp: Any) -> bool:
    return _is_union(tp) and all(_tag_of(arg) for arg in get_args(tp))


def _is_plain_union(tp: Any) -> bool:
    return _is_union(tp) and not _is_tagged(tp)


def _structure_plain_union(converter: Converter, union: Any) -> Callable[[Any, Any], Any]:
    """``T | None``, or alternatives without a tag, tried in order."""
    arms = [arm for arm in get_args(union) if arm is not NoneType]
    optional = len(arms) < len(get_args(union))
    tagged = [arm for arm in arms if _tag_of(arm)]
    inner: Any = Union[tuple(tagged)] if len(tagged) > 1 else None  # noqa: UP007
    choices = [arm for arm in arms if arm not in tagged] if inner else arms

    def structure(value: Any, _: Any) -> Any:
        if value is None and optional:
            return None
        if inner is not None and isinstance(value, dict):
            return converter.structure(value, inner)
        failures: list[Exception] = []
        for arm in choices:
            try:
                return converter.structure(value, arm)
            except Exception as error:  # noqa: BLE001 - the last arm's error is the one to tell
                failures.append(error)
        raise failures[-1]

    return structure


def _structure_literal(_: Converter, literal: Any) -> Callable[[Any, Any], Any]:
    allowed = get_args(literal)

    def structure(value: Any, _: Any) -> Any:
        if value not in allowed:
            raise FieldError(f"expected one of {', '.join(map(str, allowed))}; got {reprlib.repr(value)}")
        return value

    return structure


def _structure_number(value: Any, _: Any) -> float:
    if type(value) not in (int, float):
        raise FieldError(f"expected a number, got {_kind(value)}")
    return float(value)


def _strict(cls: type, name: str) -> Callable[[Any, Any], Any]:
    def structure(value: Any, _: Any) -> Any:
        if type(value) is not cls:
            raise FieldError(f"expected {name}, got {_kind(value)}")
        return value

    return structure


_KINDS: Mapping[type, str] = {
    dict: "an object",
    list: "an array",
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    NoneType: "null",
}


def _kind(value: Any) -> str:
    return _KINDS.get(value.__class__, value.__class__.__name__)


def _structure_event(converter: Converter) -> Callable[[Any, Any], UniversalEvent]:
    def structure(value: dict[str, Any], _: Any) -> UniversalEvent:
        data: EventData = converter.structure(value["data"], EVENT_KINDS[value["type"]].data)  # type: ignore[arg-type]
        rest: dict[str, Any] = {k: v for k, v in value.items() if k != "data"}
        return UniversalEvent(**rest, data=data)

    return structure


def _structure_tuple(converter: Converter, tp: Any) -> Callable[[Any, Any], Any]:
    element = get_args(tp)[0]

    def structure(value: Any, _: Any) -> Any:
        if not isinstance(value, list):
            raise FieldError(f"expected an array, got {_kind(value)}")
        done: list[Any] = []
        for index, item in enumerate(value):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
            try:
                done.append(converter.structure(item, element))
            except Exception as error:
                raise _At(f"[{index}]", error) from error
        return tuple(done)

    return structure


class _At(Exception):
    """Adds one step to the path of an error."""

    def __init__(self, step: str, inner: Exception) -> None:
        super().__init__(step)
        self.step = step
        self.inner = inner


def make_converter(*, bounded: bool = False) -> Converter:
    """A converter for every class of ``schema/``. Building one takes milliseconds, so keep it. With ``bounded`` it
    refuses texts beyond their bounds; without, it also reads texts that were kept before there was a bound."""
    converter = Converter(detailed_validation=True)
    factories: tuple[tuple[Callable[[Any], bool], Callable[[Converter, Any], Any]], ...] = (
        (attrs.has, partial(_structure_class, bounded=bounded)),
        (lambda tp: get_origin(tp) is tuple, _structure_tuple),
        (lambda tp: get_origin(tp) is Literal, _structure_literal),
        (_is_tagged, _structure_tagged),
        (_is_plain_union, _structure_plain_union),
    )
    for applies, make in factories:
        converter.register_structure_hook_factory(applies, partial(make, converter))
    converter.register_unstructure_hook_factory(attrs.has, partial(_unstructure_class, converter))
    for cls, name in ((str, "a string"), (bool, "true or false"), (int, "a whole number")):
        converter.register_structure_hook(cls, _strict(cls, name))
    converter.register_structure_hook(float, _structure_number)
    converter.register_structure_hook(UniversalEvent, _structure_event(converter))
    return converter


class Codec:
    """Bytes to schema objects and back. One per process is enough: it keeps only caches of types."""

    def __init__(self) -> None:
        self._converter = make_converter(bounded=True)
        self._encoder = msgspec.json.Encoder()

    def encode(self, value: Any) -> bytes:
        """A schema object, or plain JSON data, as JSON bytes."""
        return self._encoder.encode(self._converter.unstructure(value))

    def plain(self, value: Any) -> Any:
        """A schema object as dicts and lists."""
        return self._converter.unstructure(value)

    def decode(self, body: bytes, cls: type[T]) -> T:
        """The body of a request. Raises :class:`Problem`: 400 when it is not JSON, 422 when a field does not fit."""
        try:
            value = decode_json(body)
        except BAD_JSON as error:
            raise invalid_request(f"the body is not valid JSON: {error}") from error
        return self.build(value, cls)

    def build(self, value: Any, cls: type[T]) -> T:
        """Plain JSON data as a schema object; raises a 422 :class:`Problem` that names each field that does not fit."""
        try:
            return self._converter.structure(value, cls)
        except (FieldError, _At, ClassValidationError, IterableValidationError) as error:
            raise field_problem(error) from error


def field_problem(error: Exception) -> Problem:
    """All errors of a body, each with its path, in one problem."""
    found = list(_leaves(error, ""))
    summary = "; ".join(f"`{path}`: {message}" if path else message for path, message in found)
    listed = [{"field": path, "message": message} for path, message in found]
    return unprocessable(summary, errors=listed)


def _leaves(error: BaseException, path: str) -> list[tuple[str, str]]:
    if isinstance(error, _At):
        return _leaves(error.inner, path + error.step)
    if isinstance(error, ClassValidationError):
        with_notes, without = error.group_exceptions()
        deeper = [
            leaf for inner, note in with_notes for leaf in _leaves(inner, _join(path, wire_name(error.cl, note.name)))
        ]
        return deeper + [leaf for inner in without for leaf in _leaves(inner, _deeper(path, error.cl, inner))]
    if isinstance(error, IterableValidationError):
        with_notes, without = error.group_exceptions()
        deeper = [leaf for inner, note in with_notes for leaf in _leaves(inner, f"{path}[{note.index!r}]")]
        return deeper + [leaf for inner in without for leaf in _leaves(inner, path)]
    if isinstance(error, KeyError):
        return [(path, "required, but missing")]
    if isinstance(error, ForbiddenExtraKeysError):
        return [(path, f"unknown: {shortened(', '.join(sorted(error.extra_fields)), MAX_REPEATED)}")]
    return [(path, str(error))]


def _deeper(path: str, cls: type, error: BaseException) -> str:
    """The member that a validator refused: the error itself does not name it."""
    return _join(path, wire_name(cls, error.member)) if isinstance(error, BadMember) else path


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
