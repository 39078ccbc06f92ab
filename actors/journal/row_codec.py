"""How what is kept looks on disk: events as lines of JSON, each after the letter of its type, everything else as JSON
objects."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from attrs import evolve, frozen

from ...schema.codec import make_converter
from ...schema.encode import EncodedEvent, as_utf8
from ...schema.event_types import LETTERS
from ...schema.events import EventType
from .interface import ApprovalData, QueuedPrompt, SessionRow

_MEANINGS: Mapping[int, tuple[EventType, bool]] = {
    ord(letter.upper() if ends else letter): (kind, ends) for kind, letter in LETTERS.items() for ends in (False, True)
}
_BYTES = {meaning: bytes([letter]) for letter, meaning in _MEANINGS.items()}


class UnknownEventType(Exception):
    """Nobody's fault: a newer version wrote this journal. It is no damage, and must not be set aside."""


@frozen
class Segment:
    """Events of one session that were written together. ``raws`` is None when none of them has its raw."""

    heads: bytes
    raws: bytes | None

    @classmethod
    def pack(cls, events: Sequence[EncodedEvent]) -> "Segment":
        """Each line of ``heads`` is a letter, the type, upper case for the end of a stream, and the event's JSON; each
        line of ``raws`` the agent's words, empty for none. JSON on one line holds no line break, so none is escaped."""
        heads = b"\n".join([_BYTES[event.type, event.ends_stream] + event.head for event in events])
        raws = [event.raw or b"" for event in events]
        return cls(heads, b"\n".join(raws) if any(raws) else None)

    def unpack(self, first: int) -> list[EncodedEvent]:
        """The events, whose first has sequence ``first``. Raises :class:`UnknownEventType`."""
        # Earlier versions kept the agent's bytes as they were.
        heads = as_utf8(self.heads).split(b"\n")
        raws = as_utf8(self.raws).split(b"\n") if self.raws is not None else [b""] * len(heads)
        return [
            EncodedEvent(sequence, *_meaning(line[0], sequence), line[1:], raw or None)
            for sequence, (line, raw) in enumerate(zip(heads, raws, strict=True), first)
        ]


def _meaning(letter: int, sequence: int) -> tuple[EventType, bool]:
    """The type, and whether the event ends a stream."""
    meaning = _MEANINGS.get(letter)
    if meaning is None and chr(letter).isascii() and chr(letter).isalpha():
        raise UnknownEventType(
            f"event {sequence} has a type that this version does not know (letter {chr(letter)!r}): a newer version of "
            "sandbox-agent wrote the journal; use that one"
        )
    if meaning is None:
        raise ValueError(f"event {sequence} begins with {bytes([letter])!r}, which is no letter")
    return meaning


class RowCodec:
    """Strict both ways: what does not fit is damage, and is not quietly mended."""

    def __init__(self) -> None:
        self._converter = make_converter()
        self._converter.register_structure_hook(bytes, lambda value, _: base64.b64decode(value, validate=True))
        self._encode = msgspec.json.Encoder().encode

    def encode(self, value: object) -> bytes:
        return self._encode(self._converter.unstructure(value))

    def row(self, row: SessionRow) -> bytes:
        """Less what has tables of its own."""
        return self.encode(evolve(row, queue=(), current=None, asks=()))

    def read_row(self, body: bytes) -> SessionRow:
        return self._converter.structure(msgspec.json.decode(body), SessionRow)

    def read_prompt(self, body: bytes) -> QueuedPrompt:
        return self._converter.structure(msgspec.json.decode(body), QueuedPrompt)

    def read_ask(self, body: bytes) -> ApprovalData:
        return self._converter.structure(msgspec.json.decode(body), cast("Any", ApprovalData))
