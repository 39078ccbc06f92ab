"""The daemon that runs: the one that ``daemon start`` started, or one that ``server`` did, in this data directory."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from attrs import frozen

from ...actors.machine.owner import ProcessId
from ..address import Address, owner_of, reachable, running
from ..daemon_place import Place
from ..failure import Failure
from ..token_store import state_directory
from .asked import Asked
from .state import State


@frozen(kw_only=True)
class Found:
    """``url`` is by which it is reached, None until it listens. ``shutdown_timeout`` is in seconds."""

    process: ProcessId
    data_dir: str
    url: str | None
    log: str
    shutdown_timeout: float
    host: str | None = None
    urls: tuple[str, ...] = ()

    @classmethod
    def of_state(cls, state: State) -> "Found":
        """A daemon that keeps nothing may share the directory with others: it is known by its process."""
        known = {address.process: address for address in running(Path(state.data_dir))}.get(state.process)
        urls = known.urls if known is not None else (state.url,) if state.url is not None else ()
        return cls(
            process=state.process,
            data_dir=state.data_dir,
            url=reachable(urls[0]) if urls else None,
            log=state.log,
            shutdown_timeout=state.shutdown_timeout,
            host=None if known is None else known.host,
            urls=urls,
        )

    @classmethod
    def of_address(cls, address: Address) -> "Found":
        return cls(
            process=address.process,
            data_dir=address.directory,
            url=address.url,
            log=address.log or f"the stderr of pid {address.process.pid}",
            shutdown_timeout=address.shutdown_timeout,
            host=address.host,
            urls=address.urls,
        )

    def fits(self, asked: Asked) -> bool:
        return not asked or asked.fits(self.host, self.urls)

    def told_apart(self, asked: Asked) -> str:
        return f"not running on {asked}: the daemon of {self.data_dir} is at {self.url or 'no address yet'}"


def find(place: Place) -> Found | None:
    """Who has the directory of ``place``. A state that is stale says nothing."""
    state = State.read(place.file)
    if state is not None and state.alive:
        return Found.of_state(state)
    address = owner_of(Path(place.data_dir))
    return None if address is None else Found.of_address(address)


def meant(asked: Asked, place: Place) -> Place:
    """``place``; or, when its daemon does not listen where it was said, that of one which does and which
    ``daemon start`` started for another directory: 0.1 knew daemons by their host and port alone."""
    if asked and not _has(place, asked):
        return next((other for other in _places() if _has(other, asked)), place)
    return place


def _has(place: Place, asked: Asked) -> bool:
    found = find(place)
    return found is not None and found.fits(asked)


def _places() -> Iterator[Place]:
    for directory in sorted((state_directory() / "daemons").glob("*")):
        with suppress(Failure):  # one that cannot be read is not the one that was asked for
            if (state := State.read(Place(directory, "").file)) is not None:
                yield Place(directory, state.data_dir)
