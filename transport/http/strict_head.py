"""Ambiguous heads of requests, which two parsers could read in two ways. They are refused, not interpreted.

When a proxy in front checks a path, a token or a length, it must have checked what the daemon acts on (RFC 9112,
sections 2.2, 3.2, 5.2 and 6.3 name the places where parsers differ). h11 is lenient in some of them.
"""

from urllib.parse import urlsplit

import h11

SINGLE = frozenset((b"authorization", b"origin", b"content-type", b"idempotency-key", b"last-event-id"))
"""Headers that we act on and that may come only once. h11 checks that for Host and Content-Length."""


def fault_of_lines(received: bytes) -> str | None:
    """What is wrong with the lines of a head so far; None when nothing is."""
    end = received.find(b"\r\n\r\n") + 2
    head = received[:end] if end > 1 else received
    if head.count(b"\n") != head.count(b"\r\n"):
        return "a line of the head ends with LF alone; lines end with CR LF"
    if b"\n " in head or b"\n\t" in head:
        return "a header goes on in a second line (obs-fold); write it in one"
    return None


def fault_of_head(request: h11.Request) -> str | None:
    """What is wrong with a head that h11 has accepted; None when nothing is."""
    method = request.method.decode("ascii")
    if method != method.upper():
        return f"method {method[:20]!r}: methods are written in upper case, like {method[:20].upper()!r}"
    host, sized, coded, seen = b"", False, False, set[bytes]()
    for name, value in request.headers:
        if name in SINGLE:
            if name in seen:
                return f"header {name.decode()} came more than once; send one"
            seen.add(name)
        elif name == b"host":
            host = value
        elif name == b"content-length":
            sized = True
        elif name == b"transfer-encoding":
            coded = True
    if coded and sized:
        return "the body has both a Content-Length and a Transfer-Encoding; send one of them"
    if coded and request.http_version < b"1.1":
        return "HTTP/1.0 has no Transfer-Encoding; send a Content-Length"
    if request.target[:1] == b"/" != request.target[1:2]:
        return None
    return _fault_of_target(method, request.target.decode("ascii"), host.decode("latin-1"))


def _fault_of_target(method: str, target: str, host: str) -> str | None:
    """Origin form, a proxy's absolute form for the same host, and the ``*`` of OPTIONS (RFC 9112, section 3.2)."""
    if method == "OPTIONS" and target == "*":
        return None
    path = target
    if target[:8].lower().startswith(("http://", "https://")):
        try:
            parts = urlsplit(target)
        except ValueError:
            return "the request's target is not a URL"
        if parts.netloc.lower() != host.lower():
            return "the request's target names another host than the header Host"
        path = parts.path or "/"
    if not path.startswith("/"):
        return "the request's target must begin with /"
    if path.startswith("//"):
        return "the path begins with two slashes; write one"
    return None
