"""The format of the journal's rows: events as lines of JSON, each after the letter of its type; everything else as JSON
objects."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from attrs import evolve, frozen

from ...schema.approvals.approval_data import ApprovalData
from ...schema.codec import make_converter
from ...schema.encode import EncodedEvent, as_utf8
from ...schema.events import EVENT_KINDS, EventType
from .interface import QueuedPrompt, SessionRow

_MEANINGS: Mapping[int, tuple[EventType, bool]] = {
    ord(kind.letter.upper() if ends else kind.letter): (type_, ends)
    for type_, kind in EVENT_KINDS.items()
    for ends in (False, True)
}
_BYTES = {meaning: bytes([letter]) for letter, meaning in _MEANINGS.items()}


class UnknownEventType(Exception):
    """A newer version wrote this journal. It is not damaged, and must not be set aside."""


@frozen
class Segment:
    """Events of one session that were written together. ``raws`` is None when no event has a raw message."""

    heads: bytes
    raws: bytes | None

    @classmethod
    def pack(cls, events: Sequence[EncodedEvent]) -> "Segment":
        """Each line of ``heads`` is a letter and the event's JSON. The letter is the type, in upper case for an event
        that ends a stream. Each line of ``raws`` is the agent's message, empty for none. JSON on one line has no line
        break, so none is escaped."""
        heads = b"\n".join([_BYTES[event.type, event.ends_stream] + event.head for event in events])
        raws = [event.raw or b"" for event in events]
        return cls(heads, b"\n".join(raws) if any(raws) else None)

    def unpack(self, first: int) -> list[EncodedEvent]:
        """The events; ``first`` is the sequence of the first one. Raises :class:`UnknownEventType`."""
        # Earlier versions kept the agent's bytes as they were, also invalid UTF-8.
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
    """Strict in both directions: what does not fit is damage, and is not repaired silently."""

    def __init__(self) -> None:
        self._converter = make_converter()
        self._converter.register_structure_hook(bytes, lambda value, _: base64.b64decode(value, validate=True))
        self._encode = msgspec.json.Encoder().encode

    def encode(self, value: object) -> bytes:
        return self._encode(self._converter.unstructure(value))

    def row(self, row: SessionRow) -> bytes:
        """Without the members that have tables of their own."""
        return self.encode(evolve(row, queue=(), current=None, asks=()))

    def read_row(self, body: bytes) -> SessionRow:
        return self._converter.structure(msgspec.json.decode(body), SessionRow)

    def read_prompt(self, body: bytes) -> QueuedPrompt:
        return self._converter.structure(msgspec.json.decode(body), QueuedPrompt)

    def read_ask(self, body: bytes) -> ApprovalData:
        return self._converter.structure(msgspec.json.decode(body), cast("Any", ApprovalData))
