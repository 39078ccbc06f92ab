"""The hot path: an event is encoded once, to bytes that every subscriber shares.

The envelope is a template because only its numbers change; building a :class:`UniversalEvent` and walking it with
cattrs for each event cost 8 µs, this costs 1. ``tests/schema/test_encode.py`` holds both to the same JSON.
"""

from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from .codec import Codec
from .events import EventData, EventType, ItemDeltaData
from .json_text import BAD_JSON, decode_json

OBJECT_BYTES = 200
"""What an event costs beside its JSON."""

NO_RAW = b',"raw":null}'

_LF, _CR = b"\n\r"
"""As numbers they are found in a fraction of the time that it takes to look for bytes of one letter."""


class EncodedEvent(Struct, frozen=True, gc=False):
    """``head`` is the event's JSON up to its last member; ``raw`` the agent's own words as JSON, or None. ``size`` is
    what the event costs in memory, about, in bytes: every log that holds it asks twice, so it is counted once.

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
    """Encodes the events of one session. What stands between the time and the data is the same for many."""

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
        """As the codec does it, which would take half as long again to find out how."""
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
    """What an agent wrote as JSON: as it is when it is JSON, else as a JSON string of its text."""
    try:
        decode_json(raw)
    except BAD_JSON:
        return msgspec.json.encode(raw.decode(errors="replace"))
    return raw


def one_line(raw: Any) -> bytes:
    """JSON data, or the JSON line that an agent wrote, as JSON in UTF-8 without a line break: SSE has no room
    for one."""
    if isinstance(raw, bytes) and _LF not in raw and _CR not in raw:
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
