"""The redactor: masks secrets in text, in JSON and in events.

Nearly all texts have no secret. Such a text costs one search for each needle. A needle is a part of a secret that is
the same in every JSON encoding. A text that contains a needle is decoded, masked string by string, and encoded again.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import quote

import msgspec

from ..json_text import BAD_JSON
from .patterns import (
    BEGINNINGS,
    DASHED,
    KNOWN,
    MAY_BE_USERINFO,
    NEEDLES,
    STARTS,
    UNDERSCORED,
    USERINFO,
    WITH_I,
    WORD_BEGINS,
)
from .values import Secret

MASK = "[redacted]"

CUT = 12
"""Characters of a secret's beginning that are masked at the end of a text: where texts are cut, secrets are cut too."""

BEGINNING = 3
"""Characters from which the end of a text counts as the beginning of a secret."""

MIDDLE = 4
"""Characters that must match to say that a text ends in the middle of a secret."""

SLICE = 64 << 10
"""Characters that are searched at a time: a search keeps the GIL."""

_LONGEST_HELD = 16 << 10

_LONGEST_BEGINNING = 1024

_RUN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-"

_USER = re.compile(r"[^\s/@\"'<>\\]{0,512}")

_PEM_ENDS = re.compile(r"-----END [A-Z0-9 ]{1,64}-----")

DEEPEST = 200
"""Levels of JSON that are searched; ours are a few more than what is read from an agent."""

_NEEDLE = re.compile(r"[A-Za-z0-9_.~-]{6,}")
_NEEDLE_CHARS = 16

_RARE = b"QZXJqzYKVjUWHGBkxOFLMDPNRCSvAIET7849635wybgp210"
"""Bytes that may be in needles, the rarest in JSON first."""

_BETWEEN = r"(?:\\{0,3}[\"'])?\s{0,2}[=:]\s{0,2}(?:\\{0,3}[\"'])?"
"""The text between a variable's name and its value."""

_WORD_ENDS = "(?![A-Za-z0-9])"

_ESCAPED_ASCII = re.compile(rb"\\u00[2-7][0-9A-Fa-f]")
"""A letter that is written as its code point: needles cannot be found in such a text."""


class Redactor:
    """``secrets`` are known by their text. Secrets that are known by their form are masked by every redactor."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._known = secrets = tuple(dict.fromkeys(secrets))
        weak = [secret for secret in secrets if secret.after is not None]
        forms = {form: secret.anywhere for secret in secrets if secret.after is None for form in _forms(secret.text)}
        # Longest first: when a secret contains another, no part of it may remain.
        literals = sorted(forms, key=len, reverse=True)
        needles = dict.fromkeys((*(n for form in literals for n in _needles(form)), *map(_name, weak)))
        # One byte is found much faster than several.
        self._needles = tuple((_rarest(needle), needle) for needle in needles)
        self._cut = tuple(form for form in literals if forms[form] and len(form) > CUT)
        named = [
            re.escape(secret.after or "") + _BETWEEN + f"({re.escape(secret.text)})" + _WORD_ENDS for secret in weak
        ]
        found = [*named, *(_literal(form, anywhere=forms[form]) for form in literals)]
        # One search for all, so that the secret that begins first is masked completely.
        self._secrets = re.compile("|".join((*found, *KNOWN)))
        beginnings: dict[str, list[str]] = {}
        for form in (*BEGINNINGS, *literals):
            beginnings.setdefault(form[:BEGINNING], []).append(form)
        self._beginnings = beginnings
        middles = {form[at : at + MIDDLE] for form in (*BEGINNINGS, *literals) for at in range(len(form) - MIDDLE + 1)}
        self._middles = frozenset((*middles, *beginnings))
        self._heads = frozenset(head for form in beginnings for head in (form[:2], form[1:]))
        self._tails = frozenset(form[-3:] for form in self._middles)
        self._userinfo = re.compile(USERINFO)

    def __repr__(self) -> str:
        return f"<Redactor needles={len(self._needles)}>"

    def also(self, secrets: Iterable[Secret]) -> "Redactor":
        """A redactor that masks these too. With many secrets the pattern is long, and takes time to build."""
        return Redactor((*self._known, *secrets))

    @property
    def knows_secrets(self) -> bool:
        """Whether there are secrets to search for beside those that are known by their form."""
        return bool(self._needles)

    def suspects(self, data: bytes) -> bool:
        """Whether there may be something to mask in this JSON or UTF-8. False is certain."""
        for needle in NEEDLES:
            if needle in data:
                return True
        return (
            (b"@" in data and b"://" in data)
            or self.suspects_known(data)
            or (b"\\u00" in data and _ESCAPED_ASCII.search(data) is not None)
        )

    def suspects_known(self, data: bytes) -> bool:
        """The same, only for secrets that are known by their text."""
        for rarest, needle in self._needles:  # noqa: SIM110 - as a generator it takes twice as long
            if rarest in data and needle in data:
                return True
        return False

    def text(self, text: str) -> str:
        if len(text) <= SLICE:
            return self._text(text)
        done: list[str] = []
        at = 0
        while at < len(text):
            piece = text[at : at + SLICE]
            end = self.settled(piece) if at + SLICE < len(text) else 0
            done.append(self._text(piece[: end or len(piece)]))
            at += end or len(piece)
        return "".join(done)

    def begins(self, text: str) -> bool:
        """Whether a secret may be at the very beginning of this text, or may begin at its end and continue after it.
        False is certain, and fast: this is called for nearly every piece of a streamed text."""
        middles = self._middles
        return (
            # BEGINNING and MIDDLE as numbers, because names would double the cost. One check for both comes first.
            (text[-3:] in self._tails and (text[-4:] in middles or text[-3:] in middles))
            or (text[1:3] in self._heads and (text[:3] in middles or text[1:4] in middles))
            # One letter is found much faster than several.
            or ("-" in text and DASHED.search(text) is not None)
            or ("_" in text and UNDERSCORED.search(text) is not None)
            or ("J" in text and "eyJ" in text)
            or (":" in text and MAY_BE_USERINFO.search(text) is not None)
            or ("I" in text and WITH_I.search(text) is not None)
        )

    def settled(self, text: str) -> int:
        """How many characters at the beginning of a text are certain, however the text continues."""
        end = len(text)
        token = len(text.rstrip(_RUN))
        if end - token <= _LONGEST_HELD and (start := STARTS.search(text, token)) is not None:
            end = start.start()
        if (at := text.rfind("://", -_LONGEST_BEGINNING)) >= 0 and _USER.fullmatch(text, at + 3) is not None:
            end = min(end, at)
        if (at := text.rfind("-----BEGIN ", -_LONGEST_HELD)) >= 0 and _PEM_ENDS.search(text, at) is None:
            end = min(end, at)
        for at in range(max(0, len(text) - _LONGEST_BEGINNING), len(text) - BEGINNING + 1):
            forms = self._beginnings.get(text[at : at + BEGINNING])
            if forms is not None and any(form.startswith(text[at:]) for form in forms):
                end = min(end, at)
                break
        # A complete secret is not divided, also when its end may be the beginning of another.
        if end < len(text):
            for match in self._secrets.finditer(text):
                if match.start() < end < match.end():
                    return match.end()
        return end

    def _text(self, text: str) -> str:
        return self._without_cut(self._userinfo.sub(_mask, self._secrets.sub(_mask, text)))

    def _without_cut(self, text: str) -> str:
        for form in self._cut:
            if (at := text.rfind(form[:CUT], -len(form))) >= 0 and form.startswith(text[at:]):
                return text[:at] + MASK
        return text

    def value(self, value: Any, depth: int = 0) -> Any:
        """Masks JSON data."""
        if isinstance(value, str):
            return self.text(value)
        if depth > DEEPEST and isinstance(value, dict | list):
            return MASK
        if isinstance(value, dict):
            members = cast("dict[str, Any]", value)
            return {self.text(name): self.value(inner, depth + 1) for name, inner in members.items()}
        if isinstance(value, list):
            return [self.value(inner, depth + 1) for inner in cast("list[Any]", value)]
        return value

    def json(self, data: bytes) -> bytes:
        """Masks JSON text; returns the same text when there is nothing to mask."""
        return self.masked_json(data) if self.suspects(data) else data

    def masked_json(self, data: bytes) -> bytes:
        """The same, without the search for needles first."""
        try:
            value = msgspec.json.decode(data)
            masked = self.value(value)
            return data if masked == value else msgspec.json.encode(masked)
        except BAD_JSON:
            return msgspec.json.encode(self.text(data.decode(errors="replace")))


def _forms(text: str) -> Iterable[str]:
    """The forms of a secret in text, also in JSON that is a string inside JSON, and in a URL."""
    text = _valid(text)
    once, ascii_once = _escaped(text)
    return dict.fromkeys((text, once, ascii_once, *_escaped(once), *_escaped(ascii_once), quote(text, safe="")))


def _escaped(text: str) -> tuple[str, str]:
    """As it is written in JSON, and in JSON with ASCII only."""
    return msgspec.json.encode(text).decode()[1:-1], json.dumps(text)[1:-1]


def _needles(form: str) -> Iterable[bytes]:
    """A needle from the secret's beginning, so that a secret that was cut is found too."""
    run = _NEEDLE.search(form)
    if run is not None:
        return (run[0][:_NEEDLE_CHARS].encode(),)
    return (escaped.encode() for escaped in _escaped(form))


def _rarest(needle: bytes) -> int:
    return next((byte for byte in _RARE if byte in needle), needle[0])


def _name(secret: Secret) -> bytes:
    return _valid(secret.after or "").encode()


def _valid(text: str) -> str:
    """A value of the environment as an agent would write it: environments have bytes, an agent writes text."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def _literal(form: str, *, anywhere: bool) -> str:
    return re.escape(form) if anywhere else WORD_BEGINS + re.escape(form) + _WORD_ENDS


def _mask(match: re.Match[str]) -> str:
    """The replacement of a match: of all of it, or only of its last group."""
    if (group := match.lastindex) is None:
        return MASK
    start, text = match.start(), match[0]
    return text[: match.start(group) - start] + MASK + text[match.end(group) - start :]
