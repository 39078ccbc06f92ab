"""Reading the files that may hold credentials, for a daemon or a command."""

import time
from collections.abc import Mapping
from functools import partial

import trio

from ...schema.credentials.discovery import Discovery, discover
from ...schema.credentials.places import Places, places
from ..files.home import settled
from ..files.reader import ForeignFiles


async def read_credentials(environment: Mapping[str, str], where: Places, files: ForeignFiles, limit: int) -> Discovery:
    """A file of more than ``limit`` bytes counts as not readable. Raises :class:`OSError` when no file can be opened
    just now."""
    contents = await files.read_all(where, limit)
    look = partial(discover, environment, contents, where, time.time_ns() // 1_000_000)
    # Parsing is linear, but may be of megabytes.
    return await trio.to_thread.run_sync(look)


def places_of(environment: Mapping[str, str], directory: str | None = None) -> Places:
    """The places of the user whose environment this is, as their agents see them."""
    environment = settled(environment)
    return places(environment, environment.get("HOME", "/"), directory)
