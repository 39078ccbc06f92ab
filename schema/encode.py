"""The hot path: an event is encoded once, to bytes that every subscriber shares.

The envelope is a template because only its numbers change; building a :class:`UniversalEvent` and walking it with
cattrs for each event cost 8 µs, this costs 2. ``tests/schema/test_encode.py`` holds both to the same JSON.
"""

from typing import Any

import msgspec
from attrs import Factory, field, frozen

from .codec import Codec
from .events import EventData, EventType
from .json_text import BAD_JSON, decode_json

OBJECT_BYTES = 200
"""What an event costs beside its JSON."""

_NO_RAW = b',"raw":null}'


def _size_of(event: "EncodedEvent") -> int:
    return len(event.head) + len(event.raw or b"") + OBJECT_BYTES


@frozen
class EncodedEvent:
    """``head`` is the event's JSON up to its last member; ``raw`` the agent's own words as JSON, or None. ``size`` is
    what the event costs in memory, about, in bytes: every log that holds it asks twice."""

    sequence: int
    type: EventType
    ends_stream: bool
    head: bytes
    raw: bytes | None
    size: int = field(init=False, repr=False, default=Factory(_size_of, takes_self=True))

    @property
    def plain(self) -> bytes:
        return self.head + _NO_RAW

    @property
    def full(self) -> bytes:
        return self.plain if self.raw is None else b'%b,"raw":%b}' % (self.head, self.raw)


class EventEncoder:
    """Encodes the events of one session."""

    def __init__(self, session_id: str, codec: Codec) -> None:
        self._encode = codec.encode
        self._json = msgspec.json.Encoder().encode
        self._session_id = self._json(session_id)
        self._native: bytes = b"null"

    @property
    def native_session_id(self) -> str | None:
        return msgspec.json.decode(self._native, type=str | None)

    @native_session_id.setter
    def native_session_id(self, value: str | None) -> None:
        self._native = self._json(value)

    def encode(
        self,
        sequence: int,
        time: str,
        type_: EventType,
        data: EventData,
        *,
        synthetic: bool,
        raw: bytes | None = None,
        ends_stream: bool = False,
    ) -> EncodedEvent:
        """``raw`` must be JSON on one line; ``time`` RFC 3339."""
        head = (
            b'{"event_id":"evt_%d","sequence":%d,"time":"%b","session_id":%b,"native_session_id":%b,'
            b'"synthetic":%b,"source":"%b","type":"%b","data":%b'
        ) % (
            sequence,
            sequence,
            time.encode(),
            self._session_id,
            self._native,
            b"true" if synthetic else b"false",
            b"daemon" if synthetic else b"agent",
            type_.encode(),
            self._encode(data),
        )
        return EncodedEvent(sequence, type_, ends_stream, head, raw)


def json_or_text(raw: bytes) -> bytes:
    """What an agent wrote as JSON: as it is when it is JSON, else as a JSON string of its text."""
    try:
        decode_json(raw)
    except BAD_JSON:
        return msgspec.json.encode(raw.decode(errors="replace"))
    return raw


def one_line(raw: Any) -> bytes:
    """JSON data, or the JSON line that an agent wrote, as JSON in UTF-8 without a line break: SSE has no room
    for one."""
    if isinstance(raw, bytes) and b"\n" not in raw and b"\r" not in raw:
        return raw if raw.isascii() else as_utf8(raw)
    return msgspec.json.encode(msgspec.json.decode(raw) if isinstance(raw, bytes) else raw)


def as_utf8(text: bytes) -> bytes:
    """The same, each sequence that is no UTF-8 replaced by U+FFFD. JSON stays what it is: such bytes can only stand in
    its strings, and whoever skips a string does not look at them."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode(errors="replace").encode()
    return text


RAW_HEAD = 4096
"""Bytes that are kept of a message that is too long."""


def beginning_of(raw: bytes) -> bytes:
    """What stands for the raw of a message that is too long to be kept beside its event, as JSON."""
    head = raw[:RAW_HEAD].decode(errors="replace")
    return msgspec.json.encode({"truncated": True, "bytes": len(raw), "beginning": head})


def raw_of(sequence: int, size: int) -> bytes:
    """What stands for a raw of ``size`` bytes that the event of that sequence has."""
    return b'{"truncated":true,"bytes":%d,"same_as":"evt_%d"}' % (size, sequence)
