"""Grant: what the bearer of one token may do, in which session, and until when."""

from attrs import define, evolve, field

from ...schema.access.scopes import Scope, allows
from ...schema.access.tokens import ANYONE, DEFAULT, StreamEndReason, TokenInfo
from ...schema.approvals.decided_by import DecidedBy, Transport


@define(eq=False)
class Grant:
    """The rights of a token that was created, or of the daemon's own. Only the token keeper changes it. ``digest`` is
    the secret's. Times are milliseconds since 1970."""

    name: str
    scopes: tuple[Scope, ...]
    session_id: str | None = None
    created_ms: int = 0
    expires_ms: int | None = None
    last_used_ms: int | None = None
    digest: bytes = field(default=b"", repr=False)
    revoked: bool = False

    def allows(self, scope: Scope) -> bool:
        return allows(self.scopes, scope)

    def over(self, now_ms: int) -> StreamEndReason | None:
        """Why it is no longer valid; None while it is."""
        if self.revoked:
            return "token_revoked"
        return "token_expired" if self.expires_ms is not None and now_ms >= self.expires_ms else None

    def decided_by(self, transport: Transport) -> DecidedBy:
        """The ``decided_by`` of an approval that this bearer decided. ``scope`` is the one that allows it."""
        if self.name == ANYONE:
            return DecidedBy("no_token", transport=transport)
        scope: Scope = "admin" if "admin" in self.scopes else "approve"
        return DecidedBy("token", token=self.name, scope=scope, transport=transport)

    def info(self, now_ms: int) -> TokenInfo:
        return TokenInfo(
            self.name,
            self.scopes,
            self.session_id,
            self.created_ms,
            self.expires_ms,
            self.last_used_ms,
            self.over(now_ms) is not None,
        )

    def copy(self) -> "Grant":
        """A copy, for a thread that writes it."""
        return evolve(self)


def own_grant() -> Grant:
    """The grant of the daemon's own token."""
    return Grant(DEFAULT, ("admin",))


def anyones_grant() -> Grant:
    """The grant of every client when the daemon demands no token."""
    return Grant(ANYONE, ("admin",))
