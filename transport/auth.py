"""Auth: one token, in the three forms that wire 0.1 accepts (section 1). Never in a URL: those end up in logs."""

import binascii
import hmac
from base64 import b64decode

from attrs import field, frozen

from ..schema.approvals.decided_by import DecidedBy, Transport
from ..schema.problems import token_invalid
from ..schema.token import clean_token

TOKEN_NAME, TOKEN_SCOPE = "default", "admin"
"""What the one token is called in the log, and what it may do."""


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

    def client(self, transport: Transport) -> DecidedBy:
        """Who a client is that :meth:`check` or :meth:`accepts` let in, as the log tells it."""
        if not self.required:
            return DecidedBy("no_token", transport=transport)
        return DecidedBy("token", token=TOKEN_NAME, scope=TOKEN_SCOPE, transport=transport)

    def check(self, authorization: str | None) -> None:
        """``authorization`` is the header as WSGI and ASGI give it: bytes read as Latin-1. Raises a 401 problem."""
        if self.required and not (authorization and any(map(self._is_token, candidates(authorization)))):
            raise token_invalid()

    def accepts(self, token: str) -> bool:
        """For a token that came in a WebSocket's first frame."""
        return not self.required or self._is_token(token.encode("utf-8", "surrogatepass"))

    def _is_token(self, given: bytes) -> bool:
        return self.token is not None and hmac.compare_digest(given, self.token.encode())


def candidates(authorization: str) -> tuple[bytes, ...]:
    """What the header may mean: ``Basic`` with ``user:T`` means T, and without a colon it is the token itself."""
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


def _decode(text: bytes) -> bytes | None:
    """Base64 in the standard or the URL-safe alphabet, padded or not."""
    plain = text.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    try:
        return b64decode(plain + b"=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return None
