"""Grant: what the bearer of one token may do, and until when."""

from attrs import define, evolve, field

from ...schema.access.scopes import Scope, allows
from ...schema.access.tokens import ANYONE, DEFAULT, StreamEndReason, TokenInfo
from ...schema.approvals.decided_by import DecidedBy, Transport


@define(eq=False)
class Grant:
    """Of a token that was created, or of the daemon's own. The token keeper alone changes it. ``digest`` is that of the
    secret. Times are milliseconds since 1970."""

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
        """Why it holds no more; None while it does."""
        if self.revoked:
            return "token_revoked"
        return "token_expired" if self.expires_ms is not None and now_ms >= self.expires_ms else None

    def decided_by(self, transport: Transport) -> DecidedBy:
        """What the log tells of who decided an ask. ``scope`` is the one that allows it."""
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
        """As it is now, for a thread that writes it."""
        return evolve(self)


def own_grant() -> Grant:
    """Of the token that the daemon was started with."""
    return Grant(DEFAULT, ("admin",))


def anyones_grant() -> Grant:
    """Of whoever reaches a daemon that demands no token."""
    return Grant(ANYONE, ("admin",))
