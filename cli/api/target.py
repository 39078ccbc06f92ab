"""Which daemon a command calls, and whether it may be given the stored token.

Without an endpoint it is the one whose data directory it is. The stored token is this user's own daemon's: it goes only
to one that lives, and whose address is in the data directory, or beside the token (``cli/address.py``). Who else
listens on a port of this machine may be another user.
"""

from attrs import frozen

from ...schema.settings import Settings
from ..address import owner_of, running
from ..failure import Failure
from ..token_store import stored_path
from ..user_home import data_place
from .endpoint import EXAMPLE, read_endpoint


@frozen
class Target:
    """``ours`` is a daemon of the data directory, on this machine: no proxy leads to it."""

    url: str
    ours: bool


def find_target(endpoint: str | None, settings: Settings) -> Target:
    parts = None if endpoint is None else read_endpoint(endpoint)
    try:
        data_dir, state_dir = data_place(settings), stored_path().parent
    except Failure:  # without a home there are none, and an endpoint and a token are enough
        return Target(endpoint or EXAMPLE, ours=False)
    if parts is None:
        owner = owner_of(data_dir)
        return Target(EXAMPLE, ours=False) if owner is None else Target(owner.url, ours=True)
    urls = (address.serves(parts) for address in (*running(data_dir), *running(state_dir)))
    url = next((url for url in urls if url is not None), None)
    return Target(endpoint or EXAMPLE, ours=False) if url is None else Target(url, ours=True)
