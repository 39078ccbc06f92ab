"""The address of a running daemon, which it keeps in its data directory while it serves: so that commands find it there
whatever its port is, and know that it is the one. An ephemeral one has none, and keeps it beside the stored token, if
that is the one which it demands.

Each process has a file of its own, ``daemon-<pid>.json``, readable by its owner only. So none can remove another's, and
what a killed one left is known by its pid, start time and boot, and is nobody's. A copy of the directory names the
original, and is not believed.
"""

import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import attrs
from attrs import evolve, frozen

from ..actors.machine.owner import Owner, ProcessId, read_living
from ..schema.access.loopback import is_loopback
from .endpoint import Endpoint

MAX_BYTES = 1 << 16
REACHED_BY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound here
"""An address of this machine by which one that listens on all of them is reached."""


@frozen(kw_only=True)
class Address:
    """``owner`` is the process (:class:`Owner`), ``directory`` where this is kept, ``host`` what the daemon was told to
    listen on, ``urls`` where it does. ``log`` is a file, None for its stderr. ``shutdown_timeout`` is in seconds. An
    ``ephemeral`` one does not own the directory, which may be the data directory too."""

    owner: str
    directory: str
    host: str
    urls: tuple[str, ...]
    log: str | None
    shutdown_timeout: float
    ephemeral: bool
    proof_key: str | None = attrs.field(default=None, repr=False)
    """By which the daemon proves that this is its address (:class:`.Prover`); None for one of an older version."""

    @property
    def process(self) -> ProcessId:
        owner = Owner.parse(self.owner)
        assert owner is not None  # noqa: S101 - so it was read, or made
        return owner.process

    @property
    def url(self) -> str:
        """By which it is reached from here."""
        return reachable(self.urls[0])

    def serves(self, endpoint: Endpoint) -> Endpoint | None:
        """The endpoint of ours that one means, with its path; None when it is somebody else's.

        A name is looked up by whoever connects, and may lead to two addresses of which one is a stranger's. So what
        counts is the address, and ``localhost`` is replaced by ours.
        """
        return next((found for url in self.urls if (found := _served(Endpoint.parse(url), endpoint)) is not None), None)


def _served(ours: Endpoint, asked: Endpoint) -> Endpoint | None:
    if ours.socket is not None or asked.socket is not None:
        same = ours.socket is not None and asked.socket is not None and resolved_file(ours) == resolved_file(asked)
        return asked if same else None
    if (asked.scheme, asked.port) != (ours.scheme, ours.port):
        return None
    if same_host(ours.host, asked.host):
        return asked
    if asked.host in ("localhost", "localhost.") and is_loopback(REACHED_BY.get(ours.host, ours.host)):
        return evolve(asked, host=REACHED_BY.get(ours.host, ours.host))
    return None


def resolved_file(endpoint: Endpoint) -> str:
    """The socket itself is no link: one that is would lead past the checks of its directory."""
    path = Path(endpoint.socket or "")
    return str(Path(os.path.realpath(path.parent)) / path.name)


def same_host(bound: str, asked: str) -> bool:
    """Whether who listens on the address ``bound`` is who is reached by the address ``asked``."""
    try:
        ours, theirs = ip_address(bound), ip_address(asked)
    except ValueError:
        return False
    return ours == theirs or (ours.is_unspecified and theirs.is_loopback and ours.version == theirs.version)


def reachable(url: str) -> str:
    endpoint = Endpoint.parse(url)
    return str(evolve(endpoint, host=REACHED_BY.get(endpoint.host, endpoint.host)))


def resolved(directory: Path) -> str:
    return os.path.realpath(directory)


def path_of(directory: Path, pid: int) -> Path:
    return directory / f"daemon-{pid}.json"


def publish(address: Address) -> None:
    """Whole or not at all. What those left is removed that are known to be dead. Raises :class:`OSError`."""
    directory = Path(address.directory)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in directory.glob("daemon-*.json"):
        with suppress(OSError):
            if _is_left_over(path):
                path.unlink()
    handle, draft = tempfile.mkstemp(prefix="daemon-", suffix=".new", dir=directory)  # 0600 from its first moment
    try:
        with os.fdopen(handle, "w") as file:
            json.dump(attrs.asdict(address), file)
        Path(draft).replace(path_of(directory, address.process.pid))
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def withdraw(directory: Path, pid: int) -> None:
    """It is nobody's as soon as its process is gone: that it cannot be removed changes nothing."""
    with suppress(OSError):
        path_of(directory, pid).unlink(missing_ok=True)


def running(directory: Path) -> list[Address]:
    """The daemons that live and keep their address here, the newest first."""
    found = [address for path in _listed(directory) if (address := _read(path, directory)) is not None]
    return sorted(found, key=lambda address: address.process.started, reverse=True)


def owner_of(directory: Path) -> Address | None:
    """The daemon whose directory it is."""
    return next((address for address in running(directory) if not address.ephemeral), None)


def _listed(directory: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from directory.glob("daemon-*.json")


def _read(path: Path, directory: Path) -> Address | None:
    """None unless it was written by our user (root may look at another's), for this directory, by a process that lives
    on this machine."""
    address, me = _load(path), Owner.own()
    if address is None or me is None or address.directory != resolved(directory):
        return None
    owner = Owner.parse(address.owner)
    same_machine = owner is not None and (owner.boot, owner.namespace) == (me.boot, me.namespace)
    return address if same_machine and read_living(address.process.pid) == address.process else None


def _is_left_over(path: Path) -> bool:
    """Whether its process is gone. In another pid namespace that cannot be told."""
    address, me = _load(path), Owner.own()
    owner = None if address is None else Owner.parse(address.owner)
    if owner is None or me is None:
        return False
    if owner.boot != me.boot:
        return True
    return owner.namespace == me.namespace and read_living(owner.process.pid) != owner.process


def _load(path: Path) -> Address | None:
    """None for what our user did not write. Another could, where the directory is open to him."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or stat.S_IMODE(status.st_mode) & 0o077:
                return None
            if status.st_uid != os.geteuid() != 0:
                return None
            return _address(json.loads(file.read(MAX_BYTES)))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def _address(value: Any) -> Address:
    """Raises TypeError, KeyError or ValueError for what was not written here."""
    address = Address(**(value | {"urls": tuple(map(str, value["urls"]))}))
    if Owner.parse(address.owner) is None or not address.urls:
        raise ValueError("not an address that was written here")
    for url in address.urls:
        Endpoint.parse(url)
    if address.proof_key is not None:
        bytes.fromhex(address.proof_key)
    return address
