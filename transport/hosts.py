"""Hosts: whether a request was meant for us. A page that rebinds its DNS name to 127.0.0.1, or simply posts to a
local port, reaches a daemon that demands no token; its Host and Origin headers tell it apart."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from attrs import frozen

from ..schema.problems import permission_denied
from .cors import Cors

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


@frozen
class Hosts:
    """``bound`` is the host that the server listens on."""

    bound: str
    cors: Cors
    token_required: bool

    def check_request(self, method: str, host: str, origin: str | None) -> None:
        """Raises a 403 problem. With a token nothing is checked here: no page can guess the token."""
        if self.token_required:
            return
        self.check_host(host)
        if method not in SAFE_METHODS:
            self.check_origin(host, origin)

    def check_websocket(self, host: str, origin: str | None) -> None:
        """A browser opens a WebSocket to any origin without asking CORS, so the origin is always checked."""
        if not self.token_required:
            self.check_host(host)
        self.check_origin(host, origin)

    def check_host(self, host: str) -> None:
        name = host_name(host)
        if name in ("localhost", self.bound.lower().strip("[]")):
            return
        address = _address(name)
        # A name can be rebound, an address cannot; which addresses are ours is unknown when we listen on all of them.
        if address is not None and (address.is_loopback or _is_wildcard(self.bound)):
            return
        raise permission_denied(
            f"without a token only requests to localhost or {self.bound} are served; this one names host {host!r}"
        )

    def check_origin(self, host: str, origin: str | None) -> None:
        """A missing Origin proves nothing, but then no browser sent it from a page of another origin."""
        if origin is None or self.cors.allows(origin):
            return
        if origin.lower().partition("://")[2] == host.lower():
            return
        raise permission_denied(f"origin {origin!r} is not allowed; start the server with --cors-allow-origin for it")


def host_name(host: str) -> str:
    """The name or address in a Host header, without its port."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _address(name: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _is_wildcard(bound: str) -> bool:
    address = _address(bound.strip("[]"))
    return bound == "" or (address is not None and address.is_unspecified)
