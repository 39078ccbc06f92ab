"""Encoding of events: each event is encoded once, to bytes that all subscribers share.

The envelope is a template because only its numbers change. To build a :class:`UniversalEvent` and unstructure it with
cattrs took 8 µs for each event, this takes 1. ``tests/schema/test_encode.py`` checks that both give the same JSON.
"""

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from .codec import Codec
from .events import EventData, EventType, ItemDeltaData
from .json_text import BAD_JSON, decode_json

OBJECT_BYTES = 200
"""Bytes of memory of an event beside its JSON."""

NO_RAW = b',"raw":null}'

_LF, _CR = b"\n\r"
"""As numbers: ``in`` finds a number in bytes much faster than a one-byte string."""


class EncodedEvent(Struct, frozen=True, gc=False):
    """``head`` is the event's JSON up to its last member; ``raw`` is the agent's own message as JSON, or None. ``size``
    is about how many bytes of memory the event takes; it is computed once, because every log that has the event asks
    twice.

    A struct is made in a quarter of the time that a frozen attrs class takes."""

    sequence: int
    type: EventType
    ends_stream: bool
    head: bytes
    raw: bytes | None
    size: int = 0

    def __post_init__(self) -> None:
        force_setattr(self, "size", len(self.head) + len(self.raw or b"") + OBJECT_BYTES)

    @property
    def plain(self) -> bytes:
        return self.head + NO_RAW

    @property
    def full(self) -> bytes:
        return self.plain if self.raw is None else b'%b,"raw":%b}' % (self.head, self.raw)


class EventEncoder:
    """Encodes the events of one session. The members between the time and the data are the same for many events."""

    def __init__(self, session_id: str, codec: Codec) -> None:
        self._encode = codec.encode
        self._json = msgspec.json.Encoder().encode
        self._session_id = self._json(session_id)
        self._native: bytes = b"null"
        self._middles: dict[tuple[EventType, bool], bytes] = {}

    @property
    def native_session_id(self) -> str | None:
        return msgspec.json.decode(self._native, type=str | None)

    @native_session_id.setter
    def native_session_id(self, value: str | None) -> None:
        self._native = self._json(value)
        self._middles.clear()

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
        middle = self._middles.get((type_, synthetic)) or self._middle(type_, synthetic)
        json = self._delta(data) if isinstance(data, ItemDeltaData) else self._encode(data)
        head = b'{"event_id":"evt_%d","sequence":%d,"time":"%b%b%b' % (sequence, sequence, time.encode(), middle, json)
        return EncodedEvent(sequence, type_, ends_stream, head, raw)

    def _delta(self, data: ItemDeltaData) -> bytes:
        """The same result as the codec's, without the time that the codec takes to find the hook."""
        return self._json({"item_id": data.item_id, "native_item_id": data.native_item_id, "delta": data.delta})

    def _middle(self, type_: EventType, synthetic: bool) -> bytes:
        middle = b'","session_id":%b,"native_session_id":%b,"synthetic":%b,"source":"%b","type":"%b","data":' % (
            self._session_id,
            self._native,
            b"true" if synthetic else b"false",
            b"daemon" if synthetic else b"agent",
            type_.encode(),
        )
        self._middles[type_, synthetic] = middle
        return middle


def json_or_text(raw: bytes) -> bytes:
    """An agent's line as JSON: unchanged when it is JSON, otherwise its text as a JSON string."""
    try:
        decode_json(raw)
    except BAD_JSON:
        return msgspec.json.encode(raw.decode(errors="replace"))
    return raw


def one_line(raw: Any) -> bytes:
    """JSON data, or an agent's JSON line, as JSON in UTF-8 without a line break, which SSE does not allow."""
    if isinstance(raw, bytes) and _LF not in raw and _CR not in raw:
        return raw if raw.isascii() else as_utf8(raw)
    return msgspec.json.encode(msgspec.json.decode(raw) if isinstance(raw, bytes) else raw)


def as_utf8(text: bytes) -> bytes:
    """The same bytes, with each sequence that is no UTF-8 replaced by U+FFFD. JSON stays valid: such bytes can only be
    inside its strings."""
    try:
        text.decode()
    except UnicodeDecodeError:
        return text.decode(errors="replace").encode()
    return text


RAW_HEAD = 4096
"""Bytes that are kept of the beginning of a message that is too long."""


def beginning_of(raw: bytes) -> bytes:
    """The JSON that replaces the raw message of an event when it is too long to be kept."""
    head = raw[:RAW_HEAD].decode(errors="replace")
    return msgspec.json.encode({"truncated": True, "bytes": len(raw), "beginning": head})


def raw_of(sequence: int, size: int) -> bytes:
    """The JSON that replaces a raw message of ``size`` bytes that the event with that sequence has."""
    return b'{"truncated":true,"bytes":%d,"same_as":"evt_%d"}' % (size, sequence)
