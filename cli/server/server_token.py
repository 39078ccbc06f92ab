"""The token that a daemon demands: given by its caller, or made and stored by us."""

from pathlib import Path

from attrs import field, frozen

from ...schema.access.loopback import is_loopback
from ...schema.access.token import check_length
from ..failure import Failure
from ..here import exists
from ..token_options import TokenChoice
from ..token_store import find_given, make_token, read_token, stored_path
from .no_token import ALLOW_NO_TOKEN, is_no_token_allowed


@frozen
class ServerToken:
    """``stored`` is the file that holds the token when it is ours; None when the caller gave the token, or none."""

    value: str | None = field(repr=False)
    stored: Path | None = None


def choose_token(choice: TokenChoice, host: str) -> ServerToken:
    """The token to demand. Without one, a host that others can reach is refused unless the environment allows it."""
    if choice.none:
        if not is_loopback(host) and not is_no_token_allowed():
            raise Failure(
                f"--no-token on {host} lets anyone who can reach it run commands here; "
                f"drop --no-token, or set {ALLOW_NO_TOKEN}=1 if something else guards the port"
            )
        return ServerToken(None)
    if given := find_given(choice):
        return ServerToken(_long_enough(given.value, given.origin))
    path = stored_path()
    if not exists(path):
        return ServerToken(make_token(path), path)
    return ServerToken(_long_enough(read_token(path, private=True), f"the stored file {path}"), path)


def _long_enough(token: str, origin: str) -> str:
    try:
        return check_length(token)
    except ValueError as error:
        raise Failure(f"the token of {origin} {error}") from None
