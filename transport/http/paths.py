"""Paths: matched before they are percent-decoded, so that an id may contain ``/`` as ``%2F``."""

from unicodedata import category
from urllib.parse import quote, unquote, urlsplit

from quart.routing import QuartMap
from quart.wrappers.base import BaseRequestWebsocket
from werkzeug.routing import MapAdapter

from ...schema.base_path import below
from ...schema.problems import Problem, invalid_request

MAX_ID = 256
NOWHERE = "/%FF"
"""A path that is no route's, for paths that are not UTF-8."""


def canonical_path(raw_path: bytes) -> str:
    """The same path with every segment decoded and encoded again, so that ``/v1/%68ealth`` is ``/v1/health``."""
    text = raw_path.decode("ascii")
    if not text.startswith("/"):  # a proxy's absolute form, or the * of OPTIONS
        text = urlsplit(text).path or "/"
    try:
        return "/".join(quote(unquote(segment, errors="strict"), safe="") for segment in text.split("/"))
    except UnicodeDecodeError:
        return NOWHERE


class PathMap(QuartMap):
    """Matches the raw path below ``base_path``, with a constant host: with an unusual Host header the original class
    failed with a 500."""

    base_path: str = ""

    def bind_to_request(
        self,
        request: BaseRequestWebsocket,
        subdomain: str | None,
        server_name: str | None,
    ) -> MapAdapter:
        path = below(self.base_path, canonical_path(request.scope["raw_path"])) or NOWHERE
        return self.bind("localhost", url_scheme=request.scheme, default_method=request.method, path_info=path)


def session_of(raw_path: bytes, base_path: str = "") -> str | None:
    """The session id in a request's path; None when there is none, or it cannot be an id."""
    try:
        match (below(base_path, canonical_path(raw_path)) or "").split("/"):
            case ["", "v1", "sessions", segment, *_]:
                return decode_ids({"session_id": segment})["session_id"] or None
            case _:
                return None
    except (Problem, UnicodeDecodeError):
        return None


def decode_ids(values: dict[str, str]) -> dict[str, str]:
    """The decoded path parameters. Raises a 400 problem for an id that cannot exist."""
    ids = {name: unquote(value) for name, value in values.items()}
    for name, value in ids.items():
        if len(value) > MAX_ID or "Cc" in map(category, value):
            raise invalid_request(f"{name} must be 1 to {MAX_ID} characters without control characters")
    return ids
