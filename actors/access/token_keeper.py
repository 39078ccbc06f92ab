"""The token keeper: the one place that knows the tokens. It creates, revokes and stores them.

Each request asks whether a token is valid, so that is answered from memory at once. A new token is written first, and
is valid when it is on disk. A revoked token is refused at once, whether the revocation can be written or not. The time
of a token's last use is written from time to time, so no request waits for a disk.
"""

import hashlib
import hmac
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import structlog
import trio

from ...schema.access.tokens import (
    DEFAULT,
    CreateTokenRequest,
    StreamEndReason,
    TokenInfo,
    check_request,
)
from ...schema.problems import (
    Problem,
    permission_denied,
    resource_exhausted,
    token_exists,
    token_not_found,
    too_many_tokens,
)
from ...schema.settings import Settings
from ..kernel.clock import Clock
from ..machine.descriptor_reserve import thread_or_here
from ..machine.shortage import Shortage
from .grant import Grant
from .token_file import Unsound, read_tokens, set_aside, write_tokens

PREFIX = "sat_"
"""The beginning of every secret of ours, by which people and secret scanners recognise one."""
SECRET_BYTES = 32
LONGEST = 4096
"""Most bytes of a token: a longer text is none, and is not even hashed."""

_log = structlog.get_logger("tokens")


class TokenKeeper:
    """``path`` is the file; None keeps the tokens in memory. Changes are stored only while ``run`` runs."""

    def __init__(self, path: Path | None, settings: Settings, clock: Clock) -> None:
        self._path = path
        self._settings = settings
        self._clock = clock
        self._by_name: dict[str, Grant] = {}
        self._by_digest: dict[bytes, Grant] = {}
        self._changing = trio.Lock()
        self._changed = trio.Event()
        self._read_once = path is None
        self._unwritten = False
        self._troubles: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<TokenKeeper {len(self._by_name)} tokens{' unwritten' if self._unwritten else ''}>"

    @property
    def troubles(self) -> tuple[str, ...]:
        """Messages for the operator; empty when all is well."""
        return self._troubles

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read the tokens, then write their last use until cancelled. Raises :class:`.DataDirectoryRefused`."""
        # Only once: after a restart of this actor the memory is newer than the disk, which may be full.
        if self._path is not None and not self._read_once:
            self._fill(await trio.to_thread.run_sync(self._read, self._path))
            self._read_once = True
        task_status.started()
        try:
            while True:
                await trio.sleep(self._settings.token_use_interval)
                await self._write_use()
        finally:
            with trio.CancelScope(shield=True):
                await self._write_use()

    def _read(self, path: Path) -> list[Grant]:
        try:
            return read_tokens(path)
        except Unsound as error:
            aside = set_aside(path, self._clock)
            self._troubles = (f"the tokens are lost: {path} {error}; it is now {aside}, and all of them are refused",)
            _log.error("the tokens cannot be read; all are refused", path=str(path), aside=str(aside), error=str(error))
            return []

    def _fill(self, grants: Sequence[Grant]) -> None:
        self._by_name = {grant.name: grant for grant in grants}
        self._by_digest = {grant.digest: grant for grant in grants}

    # Called for every request.

    def find(self, secret: bytes) -> Grant | None:
        """The grant of a valid token, or None. Its running time reveals nothing about a secret: what is compared byte
        by byte is a digest, which nobody can choose."""
        if len(secret) > LONGEST:
            return None
        digest = digest_of(secret)
        grant = self._by_digest.get(digest)
        if grant is None or not hmac.compare_digest(grant.digest, digest):
            return None
        now_ms = self.now_ms()
        if grant.over(now_ms) is not None:
            return None
        self.used(grant, now_ms)
        return grant

    def used(self, grant: Grant, now_ms: int) -> None:
        grant.last_used_ms = now_ms
        self._unwritten = True

    def over(self, grant: Grant) -> StreamEndReason | None:
        return grant.over(self.now_ms())

    def now_ms(self) -> int:
        """The time by which tokens expire, in milliseconds since 1970."""
        return self._clock.now_ms()

    async def wait_changed(self) -> None:
        """Waits until a token is revoked."""
        await self._changed.wait()

    # Called for clients that may create tokens.

    def list(self) -> tuple[TokenInfo, ...]:
        now_ms = self.now_ms()
        return tuple(grant.info(now_ms) for grant in self._by_name.values())

    async def create(self, request: CreateTokenRequest) -> tuple[str, TokenInfo]:
        """The secret and the token's description. Raises a problem; then the token does not exist."""
        check_request(request)
        async with self._changing:
            kept = self._room_for(request.name)
            secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
            now_ms = self.now_ms()
            life = request.expires_in
            grant = Grant(
                request.name,
                tuple(dict.fromkeys(request.scopes)),
                request.session_id,
                now_ms,
                None if life is None else now_ms + 1000 * life,
                digest=digest_of(secret.encode()),
            )
            await self._write([*kept, grant], "no token was created")
            for gone in set(self._by_name.values()).difference(kept):
                gone.revoked = True
            # Meanwhile tokens may have been revoked, which is written next.
            self._fill([*(one for one in kept if not one.revoked), grant])
        _log.info(
            "token created",
            token=grant.name,
            scopes=" ".join(grant.scopes),
            limited_to=grant.session_id,
            expires_ms=grant.expires_ms,
        )
        return secret, grant.info(now_ms)

    def _room_for(self, name: str) -> Sequence[Grant]:
        """The tokens that are kept beside the new one. When there are too many, expired ones are left out."""
        now_ms = self.now_ms()
        known = self._by_name.get(name)
        if known is not None and known.over(now_ms) is None:
            raise token_exists(name)
        kept = [grant for grant in self._by_name.values() if grant is not known]
        limit = self._settings.max_tokens
        if len(kept) >= limit:
            kept = [grant for grant in kept if grant.over(now_ms) is None]
        if len(kept) >= limit:
            raise too_many_tokens(limit)
        return kept

    async def revoke(self, name: str) -> None:
        """Refuse it from now on. Raises a problem when that could not be written: after a restart the token would be
        valid again."""
        if name == DEFAULT:
            raise permission_denied(
                "the daemon's own token cannot be revoked here: start the daemon with another one (--token-file), or "
                "remove its stored token"
            )
        if name not in self._by_name:
            raise token_not_found(name)
        await self._take_back(lambda grant: grant.name == name)

    async def forget_session(self, session_id: str) -> None:
        """Revoke the tokens of a session that is being deleted: its id may soon be used by another session. Raises
        nothing: what cannot be written now is written later."""
        if any(grant.session_id == session_id for grant in self._by_name.values()):
            try:
                await self._take_back(lambda grant: grant.session_id == session_id)
            except Problem as problem:
                _log.error("tokens of a deleted session are written later", error=problem.detail)

    async def _take_back(self, taken: Callable[[Grant], bool]) -> None:
        for grant in [grant for grant in self._by_name.values() if taken(grant)]:
            grant.revoked = True
            del self._by_digest[grant.digest], self._by_name[grant.name]
            _log.info("token revoked", token=grant.name)
        self._unwritten = True
        self._changed.set()
        self._changed = trio.Event()
        with trio.CancelScope(shield=True):  # a client that hangs up takes nothing of it back
            async with self._changing:
                await self._write(
                    list(self._by_name.values()),
                    "the token is refused from now on, but that is not on disk yet: it is tried again, and until then "
                    "a restart would let it in",
                )

    # On disk.

    async def _write(self, grants: Sequence[Grant], outcome: str) -> None:
        """Raises a problem whose text ends with the outcome."""
        if self._path is None:
            return
        self._unwritten = False
        try:
            await self._write_file(self._path, grants)
        except (OSError, RuntimeError, MemoryError) as error:
            self._unwritten = True
            shortage = Shortage.of(error)
            cause = getattr(error, "strerror", None) or str(error)
            _log.error("the tokens cannot be written", path=str(self._path), error=cause)
            resource = "disk" if shortage is None else shortage.resource
            raise resource_exhausted(resource, f"{self._path} cannot be written ({cause}); {outcome}") from error

    async def _write_file(self, path: Path, grants: Sequence[Grant]) -> None:
        copies = [grant.copy() for grant in grants]
        await thread_or_here(partial(write_tokens, path, copies))

    async def _write_use(self) -> None:
        if self._path is None or not self._unwritten:
            return
        async with self._changing:
            grants = list(self._by_name.values())
            self._unwritten = False
            try:
                await self._write_file(self._path, grants)
            except (OSError, MemoryError) as error:
                self._unwritten = True
                _log.warning("the tokens cannot be written; tried again later", error=str(error))


def digest_of(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
