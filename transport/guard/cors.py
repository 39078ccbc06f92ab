"""CORS: which web origins may call, the answers to preflights, and the headers of every answer."""

from urllib.parse import urlsplit

from attrs import frozen

Headers = dict[str, str]

EXPOSED = "Idempotency-Replayed, Retry-After, Sandbox-Agent-Turn"
"""Headers that a page may read, beside those that the Fetch standard always allows."""

VARY = "origin, access-control-request-method, access-control-request-headers"


@frozen
class Cors:
    """Without origins no page of another origin can read an answer; requests are served all the same.

    ``*`` for the origins excludes credentials, as the Fetch standard has it. No methods or headers means all of them.
    """

    origins: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    credentials: bool = False

    def __attrs_post_init__(self) -> None:
        if self.credentials and "*" in self.origins:
            raise ValueError("CORS: credentials cannot be allowed for every origin; name the origins instead of `*`")
        if self.credentials and not self.origins:
            raise ValueError("CORS: credentials are allowed, but no origin is; name one")
        for origin in self.origins:
            if origin not in ("*", "null") and not _is_origin(origin):
                raise ValueError(f"CORS: {origin!r} is not an origin; write scheme://host[:port] with nothing after it")
        for name in (*self.methods, *self.headers):
            if not name or not all(c.isalnum() or c in "!#$%&'*+-.^_`|~" for c in name) or not name.isascii():
                raise ValueError(f"CORS: {name!r} is not a method or header name")

    @property
    def open_to_strangers(self) -> str | None:
        """The allowed origin that any page can have: ``*``, or ``null``, which a page gets in a sandboxed frame."""
        return next((origin for origin in self.origins if origin.lower() in ("*", "null")), None)

    def allows(self, origin: str) -> bool:
        return "*" in self.origins or origin.lower() in (known.lower() for known in self.origins)

    def answer_headers(self, origin: str | None) -> Headers:
        """The headers of every answer, also of errors."""
        found = {"vary": VARY}
        if origin and self.allows(origin):
            found["access-control-allow-origin"] = "*" if "*" in self.origins else origin
            found["access-control-expose-headers"] = EXPOSED
            if self.credentials:
                found["access-control-allow-credentials"] = "true"
        return found

    def preflight_headers(self, origin: str | None, method: str | None, headers: str | None) -> Headers:
        """More headers for a preflight, beside :meth:`answer_headers`. With credentials ``*`` has no special meaning in
        a browser, so the requested names are allowed by name; without, ``*`` still does not include
        ``authorization``."""
        if not origin or not self.allows(origin):
            return {}
        any_method = (method or "*") if self.credentials else "*"
        any_header = (headers or "*") if self.credentials else "*,authorization"
        return {
            "access-control-allow-methods": ",".join(self.methods) or any_method,
            "access-control-allow-headers": ",".join(self.headers) or any_header,
        }


def _is_origin(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.scheme and parts.netloc) and text == f"{parts.scheme}://{parts.netloc}" and "@" not in text
