"""The trace of an agent: what it says, and what its dialect makes of that, as debug lines of the log.

``<<`` stands before a line of the agent, ``>>`` before an effect. It is what one needs who mends a dialect. Secrets are
masked as in events, and what is long is cut: a line may have 16 MB.
"""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import attrs
import msgspec
import structlog
from msgspec import Struct

from ..schema.agents.dialect import Effects
from ..schema.bounds import shortened
from ..schema.redaction.redactor import MASK, Redactor
from .lines import OversizedLine

LINE = 4096
"""Characters of a line of the trace."""

TEXT = 1024
"""Characters of a text in an effect."""

FEW = 20
"""Elements of a list in an effect."""

_UNSAID = frozenset({"raw", "link"})
"""Members that say nothing new: the line from which an effect came was shown before."""

_EMPTY: tuple[object, ...] = (None, (), {})

_log = structlog.get_logger("agent")


class Trace:
    """Of one session. Where it is not ``enabled`` nothing is logged, and next to nothing spent."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled

    def __repr__(self) -> str:
        return f"<Trace {'enabled' if self._enabled else 'disabled'}>"

    def said(self, what: bytes | OversizedLine, redactor: Redactor) -> None:
        """A line of the agent."""
        if self._enabled:
            head, length = (what.head, what.length) if isinstance(what, OversizedLine) else (what[:LINE], len(what))
            more = f" ... ({length} bytes)" if length > len(head) else ""
            _log.debug(f"<< {redactor.text(head.decode(errors='replace'))}{more}")

    def heard(self, what: object, redactor: Redactor) -> None:
        """What comes from it in another way: an answer to a request, or the question of a hook."""
        if self._enabled:
            _log.debug(f"<< {redactor.text(_line(what))}")

    def made(self, effects: Effects, redactor: Redactor, *, secret: bool) -> None:
        """``secret``: they hold what is for the agent alone."""
        if self._enabled:
            for effect in effects:
                shown = f"{type(effect).__name__}({MASK})" if secret else redactor.text(_line(effect))
                _log.debug(f">> {shown}")


def _line(value: object) -> str:
    return shortened(_shown(value), LINE)


def _shown(value: object) -> str:
    match value:
        case bytes():
            return _text(value[:TEXT].decode(errors="replace"), len(value))
        case str():
            return _text(value[:TEXT], len(value))
        case list() | tuple():
            elements = cast("Sequence[object]", value)
            more = ["..."] if len(elements) > FEW else []
            return f"[{', '.join([*map(_shown, elements[:FEW]), *more])}]"
        case dict():
            members = cast("dict[str, object]", value)
            pairs = [f"{_shown(name)}: {_shown(members[name])}" for name in list(members)[:FEW]]
            return f"{{{', '.join([*pairs, '...'] if len(members) > FEW else pairs)}}}"
        case _:
            members = [f"{name}={_shown(inner)}" for name, inner in _members(value)]
            return f"{type(value).__name__}({', '.join(members)})" if _is_record(value) else repr(value)


def _text(text: str, length: int) -> str:
    """As JSON: in its escapes a secret is known."""
    more = f" ... ({length})" if length > len(text) else ""
    return msgspec.json.encode(text).decode() + more


def _is_record(value: object) -> bool:
    return isinstance(value, Struct) or attrs.has(type(value))


def _members(value: object) -> Iterator[tuple[str, Any]]:
    """Those that say something: neither what is not to be shown, nor a default."""
    if isinstance(value, Struct):
        for name in value.__struct_fields__:
            if name not in _UNSAID and (inner := getattr(value, name)) not in (*_EMPTY, False):
                yield name, inner
    elif attrs.has(type(value)):
        for each in attrs.fields(cast("type[attrs.AttrsInstance]", type(value))):
            inner = getattr(value, each.name)
            if each.repr and each.name not in _UNSAID and inner not in _EMPTY and inner != each.default:
                yield each.name, inner
