"""The refusal for a client that speaks HTTP/2 without negotiation, as HTTP/2 frames.

Such a client takes an answer in HTTP/1.1 for a broken connection (curl: "empty reply from server"). So it gets the few
frames of a problem (RFC 9113), or, when its request has not come yet, a GOAWAY with the reason. Headers are literal,
without Huffman codes (RFC 7541, section 6.2.2): nothing from the client has to be decoded.
"""

PREFACE_REST = b"SM\r\n\r\n"
"""The rest of the preface after its empty line; its first line looks like a request of HTTP/1.1."""

DATA, HEADERS, SETTINGS, GOAWAY = 0, 1, 4, 7
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR, HTTP_1_1_REQUIRED = 0, 13
FRAME_HEAD = 9


def refusal(after_head: bytes, status: int, body: bytes, reason: str) -> bytes | None:
    """``after_head`` is the input after the preface's empty line. Returns None when it is no HTTP/2. ``body`` is a
    problem of less than 16 kB."""
    frames = after_head.removeprefix(PREFACE_REST)
    if len(frames) < FRAME_HEAD or frames[3] != SETTINGS:  # which must come first
        return None
    hello = frame(SETTINGS, 0, 0) + frame(SETTINGS, ACK, 0)
    if (stream := _first_request(frames)) is None:
        return hello + _goaway(0, HTTP_1_1_REQUIRED, reason)
    headers = b"\x08" + _text(b"%d" % status)  # the name is entry 8 of the static table; then 31 and 28
    headers += b"\x0f\x10" + _text(b"application/problem+json") + b"\x0f\x0d" + _text(b"%d" % len(body))
    answer = frame(HEADERS, END_HEADERS, stream, headers) + frame(DATA, END_STREAM, stream, body)
    return hello + answer + _goaway(stream, NO_ERROR, reason)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _goaway(last_stream: int, code: int, reason: str) -> bytes:
    return frame(GOAWAY, 0, 0, last_stream.to_bytes(4, "big") + code.to_bytes(4, "big") + reason.encode())


def _text(value: bytes) -> bytes:
    return bytes([len(value)]) + value


def _first_request(frames: bytes) -> int | None:
    at = 0
    while at + FRAME_HEAD <= len(frames):
        size, kind = int.from_bytes(frames[at : at + 3], "big"), frames[at + 3]
        if kind == HEADERS:
            return int.from_bytes(frames[at + 5 : at + FRAME_HEAD], "big") & 0x7FFFFFFF
        at += FRAME_HEAD + size
    return None
