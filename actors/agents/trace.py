"""The trace of an agent: its lines, and the effects of its dialect, as debug lines of the log.

``<<`` marks a line of the agent, ``>>`` an effect. It is for work on a dialect. Secrets are masked as in events, and
long texts are cut: a line may have 16 MB.
"""

from collections.abc import Sequence
from typing import Any, cast

import attrs
import msgspec
import structlog
from msgspec import Struct

from ...schema.agents.dialect import Effects
from ...schema.bounds import shortened
from ...schema.redaction.redactor import MASK, Redactor
from ..processes.line_splitter import OversizedLine

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
            _log.debug(f"<< {_line(what, redactor)}")

    def made(self, effects: Effects, redactor: Redactor, *, secret: bool) -> None:
        """``secret``: they hold what is for the agent alone."""
        if self._enabled:
            for effect in effects:
                shown = f"{type(effect).__name__}({MASK})" if secret else _line(effect, redactor)
                _log.debug(f">> {shown}")


def _line(value: object, redactor: Redactor) -> str:
    return shortened(_shown(value, redactor), LINE)


def _shown(value: object, redactor: Redactor) -> str:
    match value:
        case bytes():
            return _text(value[:TEXT].decode(errors="replace"), len(value), redactor)
        case str():
            return _text(value[:TEXT], len(value), redactor)
        case list() | tuple():
            elements = cast("Sequence[object]", value)
            more = ["..."] if len(elements) > FEW else []
            return f"[{', '.join([*(_shown(inner, redactor) for inner in elements[:FEW]), *more])}]"
        case dict():
            members = cast("dict[str, object]", value)
            pairs = [f"{_shown(name, redactor)}: {_shown(members[name], redactor)}" for name in list(members)[:FEW]]
            return f"{{{', '.join([*pairs, '...'] if len(members) > FEW else pairs)}}}"
        case _ if (said := _members(value)) is not None:
            return f"{type(value).__name__}({', '.join(f'{name}={_shown(inner, redactor)}' for name, inner in said)})"
        case _:
            return repr(value)


def _text(text: str, length: int, redactor: Redactor) -> str:
    """As JSON. It is masked by itself: where it is cut, what is left of a secret is known by being at its end."""
    more = f" ... ({length})" if length > len(text) else ""
    return msgspec.json.encode(redactor.text(text)).decode() + more


def _members(value: object) -> list[tuple[str, Any]] | None:
    """Those that say something: neither what is not to be shown, nor a default. None for what has no members."""
    if isinstance(value, Struct):
        names = [name for name in value.__struct_fields__ if getattr(value, name) is not False]
    elif attrs.has(type(value)):
        fields = attrs.fields(cast("type[attrs.AttrsInstance]", type(value)))
        names = [each.name for each in fields if each.repr and getattr(value, each.name) != each.default]
    else:
        return None
    return [
        (name, getattr(value, name)) for name in names if name not in _UNSAID and getattr(value, name) not in _EMPTY
    ]
