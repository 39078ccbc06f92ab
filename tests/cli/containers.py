"""A daemon of root's as in a container: with the capabilities that Docker leaves it, and with a user beside root for
its agents. For tests that only root can run: CI is root, and lets no test be skipped.

Python, and what is tested, may lie where only root gets to. Then the daemon has mounts of its own, in which they lie
open.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from ..house.checkout import ROOT
from .commands import Commands
from .users import PR_CAPBSET_DROP, STRANGER, prctl

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can start programs of another user")

DOCKER = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31)
"""What it leaves root by default: capabilities(7). Neither tracing nor mounts nor other processes' limits."""

CLONE_NEWNS, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x1000, 0x4000, 0x40000

_libc = ctypes.CDLL(None, use_errno=True)


def open_way(passwd: Path | None = None) -> None:
    """In a child before exec: what the tests run can be read by every user, and nothing else is changed for anybody.
    ``passwd`` is what it sees in the place of the machine's."""
    needed = {Path(os.path.realpath(path)) for path in (sys.base_prefix, sys.prefix, ROOT)}
    closed = {next(iter(_closed(path)), None) for path in needed} - {None}
    if not closed and passwd is None:
        return
    _do(_libc.unshare(CLONE_NEWNS))
    _mount(b"none", b"/", None, MS_REC | MS_PRIVATE)
    for directory in closed:
        handles = {path: os.open(path, os.O_PATH) for path in needed if path.is_relative_to(str(directory))}
        _mount(b"tmpfs", os.fsencode(str(directory)), b"tmpfs", 0, b"mode=0755")
        for path, handle in handles.items():
            path.mkdir(0o755, parents=True, exist_ok=True)
            _mount(b"/proc/self/fd/%d" % handle, os.fsencode(path), None, MS_BIND | MS_REC)
            os.close(handle)
    if passwd is not None:
        _mount(os.fsencode(passwd), b"/etc/passwd", None, MS_BIND)


def be_container(passwd: Path | None = None) -> None:
    """In a child before exec."""
    open_way(passwd)
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    for capability in {*range(last + 1)} - {*DOCKER}:
        prctl(PR_CAPBSET_DROP, capability)


def container_without(capability: int) -> Callable[[], None]:
    def prepare() -> None:
        be_container()
        prctl(PR_CAPBSET_DROP, capability)

    return prepare


def _closed(path: Path) -> Iterator[Path]:
    """The directories above it that not everybody may pass."""
    yield from (parent for parent in reversed(path.parents) if not parent.stat().st_mode & 0o001)


def _mount(source: bytes, target: bytes, kind: bytes | None, flags: int, data: bytes | None = None) -> None:
    _do(_libc.mount(source, target, kind, ctypes.c_ulong(flags), data))


def _do(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextmanager
def open_place() -> Generator[Path]:
    """A directory that others may pass, as pytest's own are not. In it ``home``, which is root's, ``work``, which is
    the agents' user's, and ``tmp``, which is for all."""
    with TemporaryDirectory(dir="/tmp") as name:
        place = Path(name)
        place.chmod(0o711)
        for directory, mode in (("home", 0o711), ("work", 0o700), ("tmp", 0o1777)):
            (place / directory).mkdir()
            (place / directory).chmod(mode)
        os.chown(place / "work", STRANGER, STRANGER)
        yield place


def commands_of(place: Path) -> Commands:
    commands = Commands(place / "home")
    commands.environment["TMPDIR"] = str(place / "tmp")
    return commands
