"""What a human answers to one field of a form: whether it fits, and the value that it stands for."""

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from ...bounds import MAX_REPEATED, shortened
from ...events import QuestionPart
from ...json_text import BAD_JSON, decode_json
from .formats import CHECKS

LEFT_OUT = None
"""The value of a field that the human leaves out. No field's own value is this."""

MOST_DIGITS = 64
"""Characters of a number."""

LARGEST_INTEGER = 2**53 - 1
"""Every JSON reader has the integers up to this one."""

_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)


class BadAnswer(ValueError):
    """The message is what would be right. It repeats nothing of the answer, which may be a secret."""


def value_of(part: QuestionPart, given: Sequence[str]) -> Any:
    """Of a choice its label, or the list of them; else the value. No label at all stands for the default, and without
    one for ``LEFT_OUT``. Raises :class:`BadAnswer`."""
    given = given or part.default or ()
    if part.multi_select:
        return _labels(part, given)
    if not given and not part.required:
        return LEFT_OUT
    if len(given) != 1:
        raise BadAnswer(expected(part))
    (text,) = given
    match part.kind:
        case "text":
            return _text(part, text)
        case "number" | "integer":
            return _number(part, text)
        case "json":
            return _json(part, text)
        case _:
            if text not in [option.label for option in part.options]:
                raise BadAnswer(expected(part))
            return text


def expected(part: QuestionPart) -> str:
    """What would be right, in words."""
    match part.kind:
        case "text":
            known = CHECKS.get(part.format or "")
            return (known[0] if known else "text") + _range(part.min_length, part.max_length, " characters")
        case "number":
            return "a number" + _range(part.minimum, part.maximum)
        case "integer":
            return "an integer" + _range(part.minimum, part.maximum)
        case "json":
            return "JSON text"
        case _:
            labels = shortened(", ".join(f'"{option.label}"' for option in part.options), MAX_REPEATED)
            if not part.multi_select:
                return f"one of {labels}"
            return f"different ones of {labels}" + _range(part.min_items, part.max_items, " of them")


def _range(low: float | None, high: float | None, unit: str = "") -> str:
    match low, high:
        case None, None:
            return ""
        case None, _:
            return f", at most {high}{unit}"
        case _, None:
            return f", at least {low}{unit}"
        case _:
            return f", from {low} to {high}{unit}"


def _within(value: float, low: float | None, high: float | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _labels(part: QuestionPart, given: Sequence[str]) -> Any:
    if not given and not part.required and part.min_items:
        return LEFT_OUT
    known = {option.label for option in part.options}
    if len(set(given)) != len(given) or not known.issuperset(given):
        raise BadAnswer(expected(part))
    if not _within(len(given), part.min_items, part.max_items):
        raise BadAnswer(expected(part))
    return list(given)


def _text(part: QuestionPart, text: str) -> str:
    known = CHECKS.get(part.format or "")
    if (known and not known[1](text)) or not _within(len(text), part.min_length, part.max_length):
        raise BadAnswer(expected(part))
    return text


def _number(part: QuestionPart, text: str) -> float:
    """An integer also where a number is wanted, when it is written as one."""
    text = text.strip()
    value: float = math.nan
    if len(text) <= MOST_DIGITS:
        if _INTEGER.fullmatch(text):
            value = int(text)
        elif part.kind == "number" and text.isascii() and "_" not in text:
            with suppress(ValueError):
                value = float(text)
    if isinstance(value, int):
        fits = abs(value) <= LARGEST_INTEGER
    else:
        fits = math.isfinite(value)
    if not fits or not _within(value, part.minimum, part.maximum):
        raise BadAnswer(expected(part))
    return value


def _json(part: QuestionPart, text: str) -> Any:
    try:
        value = decode_json(text.encode())
    except (*BAD_JSON, RecursionError):
        raise BadAnswer(expected(part)) from None
    if value is None:
        raise BadAnswer(expected(part))
    return value
