"""Auth: the daemon's own token, and the three forms in which wire 0.1 accepts one (section 1). Never in a URL: those
end up in logs."""

import binascii
import hashlib
import hmac
from base64 import b64decode

from attrs import field, frozen

from ...schema.access.token import clean_token


@frozen
class Auth:
    """``token`` None means that everyone who reaches the port is let in. Raises :class:`ValueError` for one that no
    client could send; the error does not hold it."""

    token: str | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.token is not None and clean_token(self.token) != self.token:
            raise ValueError("the token has blanks around it, which no header can bring")

    @property
    def required(self) -> bool:
        return self.token is not None

    def is_own(self, given: bytes) -> bool:
        """Whether it is the daemon's own token. Digests are compared: what is compared itself tells its length."""
        return self.token is not None and hmac.compare_digest(_digest(given), _digest(self.token.encode()))


def candidates(authorization: str) -> tuple[bytes, ...]:
    """What the header may mean: ``Basic`` with ``user:T`` means T, and without a colon it is the token itself.
    ``authorization`` is as WSGI and ASGI give it: bytes read as Latin-1."""
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
