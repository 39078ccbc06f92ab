"""The Host and Origin rules: whether a request was meant for this daemon. A page that rebinds its DNS name to 127.0.0.1
or posts to a local port can reach a daemon that demands no token; its Host and Origin headers show that.
docs/security.md describes the rules for operators."""

from attrs import frozen

from ...schema.access.loopback import is_loopback
from ...schema.problems import Problem, permission_denied
from .cors import Cors
from .host_names import AllowedHosts, address_of, read_bound, read_host

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
DEFAULT_PORTS = {"http": "80", "https": "443"}


@frozen
class Hosts:
    """``bound`` is the host on which the server listens; ``allowed`` are further names."""

    bound: str
    cors: Cors
    token_required: bool
    allowed: AllowedHosts = AllowedHosts()

    def __attrs_post_init__(self) -> None:
        if not self.token_required and (origin := self.cors.open_to_strangers) is not None:
            raise ValueError(
                f"CORS: without a token the origin {origin!r} lets any web page run commands here; use a token, or "
                "name the origins"
            )

    @property
    def checked(self) -> bool:
        """A page cannot guess a token. So where a token is required, hosts are checked only when some were named."""
        return bool(self.allowed) or not self.token_required

    def check_request(self, method: str, host: str, origin: str | None, authorization: str | None = None) -> None:
        """Raises a 403 problem. A browser sends a stored password (Basic) also for a page of another origin, so the
        password proves nothing about the page."""
        if self.checked:
            self.check_host(host)
        if method not in SAFE_METHODS and (not self.token_required or is_basic(authorization)):
            self.check_origin(host, origin)

    def check_websocket(self, host: str, origin: str | None) -> None:
        """A browser opens a WebSocket to any origin without CORS, so the origin is always checked."""
        if self.checked:
            self.check_host(host)
        self.check_origin(host, origin)

    def check_host(self, host: str) -> None:
        if self.allowed.every:
            return
        found = read_host(host)
        if found is None or not self._is_ours(found[0]):
            raise self._refusal(host, None if found is None else found[0])

    def _is_ours(self, name: str) -> bool:
        bound = read_bound(self.bound)
        if name == bound or is_loopback(name) or self.allowed.allow(name):
            return True
        # A name can be rebound, an address cannot. Our addresses are not known when the server listens on all.
        return address_of(name) is not None and _is_wildcard(bound)

    def _refusal(self, host: str, name: str | None) -> Problem:
        also = " and the hosts of --allow-host" if self.allowed else ""
        mend = f"--allow-host {name or 'NAME'}"
        if self.token_required:
            return permission_denied(
                f"only requests to localhost, {self.bound}{also} are served; this one names host {host!r}; use {mend}"
            )
        return permission_denied(
            f"without a token only requests to localhost, {self.bound}{also} are served; this one names host {host!r}; "
            f"use a token, or {mend}"
        )

    def check_origin(self, host: str, origin: str | None) -> None:
        """Without an Origin, the request is not from a browser's page of another origin. ``allowed`` does not count
        here: a page of another port, or of another name below the same domain, may be anybody's."""
        if origin is None or self.cors.allows(origin) or is_same_origin(origin, host):
            return
        raise permission_denied(
            f"origin {origin!r} is not allowed at host {host!r}; start the server with --cors-allow-origin for it, "
            "or have the proxy pass the Host header on"
        )


def is_basic(authorization: str | None) -> bool:
    return (authorization or "").lstrip()[:5].lower() == "basic"


def is_same_origin(origin: str, host: str) -> bool:
    """Only the Origin says which scheme the client used: a proxy in front may have ended TLS."""
    scheme, found, rest = origin.lower().partition("://")
    theirs, ours = read_host(rest), read_host(host)
    if not found or theirs is None or ours is None:
        return False
    default = DEFAULT_PORTS.get(scheme, "")
    return (theirs[0], theirs[1] or default) == (ours[0], ours[1] or default)


def _is_wildcard(bound: str) -> bool:
    address = address_of(bound)
    return bound == "" or (address is not None and address.is_unspecified)
