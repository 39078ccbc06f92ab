"""Authentication: the daemon's own token, and the three forms in which wire 0.1 accepts a token (section 1). None is
accepted in a URL, because URLs end up in logs."""

import binascii
import hashlib
import hmac
from base64 import b64decode

from attrs import field, frozen

from ...schema.access.token import clean_token


@frozen
class Auth:
    """``token`` None means that every client is accepted. Raises :class:`ValueError` for a token that no client could
    send; the message does not contain it."""

    token: str | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.token is not None and clean_token(self.token) != self.token:
            raise ValueError("the token has blanks around it, which no header can bring")

    @property
    def required(self) -> bool:
        return self.token is not None

    def is_own(self, given: bytes) -> bool:
        """Whether it is the daemon's own token. Digests are compared: comparing the tokens would reveal a length."""
        return self.token is not None and hmac.compare_digest(_digest(given), _digest(self.token.encode()))


def candidates(authorization: str) -> tuple[bytes, ...]:
    """The possible tokens of the header: ``Basic`` with ``user:T`` means T, and without a colon the token itself.
    ``authorization`` is as in WSGI and ASGI: bytes decoded as Latin-1."""
    scheme, _, value = authorization.strip().partition(" ")
    given = value.strip().encode("latin-1", "replace")
    match scheme.lower():
        case "bearer" | "token":
            return (given,)
        case "basic":
            decoded = _decode(given)
            return () if decoded is None else (decoded.partition(b":")[2], decoded)
        case _:
            return ()


def _digest(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()


def _decode(text: bytes) -> bytes | None:
    """Base64 in the standard or the URL-safe alphabet, padded or not."""
    plain = text.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    try:
        return b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return None
