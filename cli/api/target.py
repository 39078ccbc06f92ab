"""Which daemon a command calls, and whether it may be given the stored token.

Without an endpoint it is the one whose data directory it is. The stored token is this user's own daemon's: it goes only
to one that lives, whose address is in the data directory, or beside the token (``cli/address.py``), and which proves on
the connection that it is the one (``proven.py``). Who else listens on a port of this machine may be another user.
"""

from attrs import frozen

from ...schema.settings import Settings
from ..address import Address, owner_of, running
from ..endpoint import Endpoint
from ..failure import Failure
from ..token_store import stored_path
from ..user_home import data_place
from .endpoint import EXAMPLE, read_endpoint


@frozen
class Target:
    """``address`` is that of a daemon of ours, on this machine: no proxy leads to it, and it proves that it is the
    one."""

    endpoint: Endpoint
    address: Address | None = None

    @property
    def ours(self) -> bool:
        return self.address is not None


def find_target(endpoint: str | None, settings: Settings) -> Target:
    asked = None if endpoint is None else read_endpoint(endpoint)
    example = Endpoint.parse(EXAMPLE)
    try:
        data_dir, state_dir = data_place(settings), stored_path().parent
    except Failure:  # without a home there are none, and an endpoint and a token are enough
        return Target(asked or example)
    if asked is None:
        owner = owner_of(data_dir)
        return Target(example) if owner is None else Target(Endpoint.parse(owner.url), owner)
    for address in (*running(data_dir), *running(state_dir)):
        if (served := address.serves(asked)) is not None:
            return Target(served, address)
    return Target(asked)
