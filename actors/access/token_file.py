"""The token file: ``tokens.json`` in the data directory, readable for its owner only. All functions here block.

It is not in the journal: that may be copied, read by other programs, or moved away when it is damaged, and access
rights must not depend on it. A secret has 256 random bits, so its plain SHA-256 reveals nothing. A slow hash (bcrypt,
scrypt) protects passwords that people choose, and would cost every request a tenth of a second.
"""

import os
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
from attrs import frozen

from ...schema.access.scopes import Scope
from ..files.directory_lock import DataDirectoryRefused
from ..kernel.clock import Clock
from .grant import Grant

NAME = "tokens.json"
VERSION = 1
MAX_BYTES = 16 << 20
DIGEST_CHARS = 64


@frozen
class _Kept:
    name: str
    digest: str
    scopes: tuple[Scope, ...]
    created_at: int
    session_id: str | None = None
    expires_at: int | None = None
    last_used_at: int | None = None


@frozen
class _Body:
    version: int
    tokens: tuple[_Kept, ...]


@frozen
class _Head:
    version: int


class Unsound(Exception):
    """The file is not as we wrote it. The message says what is wrong, and follows the file's name."""


def read_tokens(path: Path) -> list[Grant]:
    """The grants in the file; empty when there is no file. Raises :class:`Unsound`, and :class:`DataDirectoryRefused`
    for a file that a later version wrote, or that cannot be read now."""
    try:
        data = _read(path)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataDirectoryRefused(f"cannot read {path}: {error.strerror}; it says who may call") from error
    try:
        version = msgspec.json.decode(data, type=_Head).version
        if version > VERSION:
            raise DataDirectoryRefused(
                f"{path} is of version {version}, and this sandbox-agent knows {VERSION}: use the newer one, or name "
                "another directory with --data-dir"
            )
        return [_grant(kept) for kept in msgspec.json.decode(data, type=_Body).tokens]
    except (msgspec.MsgspecError, UnicodeError, ValueError) as error:
        raise Unsound(f"does not hold tokens: {error}") from error


def _read(path: Path) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            raise Unsound(f"is no regular file of at most {MAX_BYTES} bytes")
        if status.st_uid != os.geteuid() or status.st_mode & 0o022:
            raise Unsound(f"can be written by others (mode {stat.S_IMODE(status.st_mode):04o}, uid {status.st_uid})")
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(MAX_BYTES)
    finally:
        os.close(handle)


def _grant(kept: _Kept) -> Grant:
    if len(kept.digest) != DIGEST_CHARS or not kept.scopes:
        raise ValueError("a token in it has no digest or no scope")
    return Grant(
        kept.name,
        kept.scopes,
        kept.session_id,
        kept.created_at,
        kept.expires_at,
        kept.last_used_at,
        bytes.fromhex(kept.digest),
    )


def write_tokens(path: Path, grants: Sequence[Grant]) -> None:
    """Replace the file in one step, durably. Raises :class:`OSError`; then the old file is still there."""
    kept = tuple(
        _Kept(g.name, g.digest.hex(), g.scopes, g.created_ms, g.session_id, g.expires_ms, g.last_used_ms)
        for g in grants
    )
    draft = path.with_name(f"{path.name}.new")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o600)  # whatever the umask, and whoever left a draft
            file.write(msgspec.json.format(msgspec.json.encode(_Body(VERSION, kept)), indent=2) + b"\n")
            file.flush()
            os.fsync(handle)
        draft.replace(path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    _sync(path.parent)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def set_aside(path: Path, clock: Clock) -> Path:
    """Move an unsound file away. Returns its new path."""
    stamp = clock.now_ms()
    while (target := path.with_name(f"{path.name}.damaged-{stamp}")).exists():
        stamp += 1
    path.rename(target)
    return target
