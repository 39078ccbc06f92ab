"""Endpoint: where a daemon is reached. A URL of HTTP, or a unix socket as ``unix:/run/me/api.sock`` with a base path
after a second colon."""

from urllib.parse import urlsplit

from attrs import frozen

from ..schema.access.loopback import is_loopback
from ..transport.listening.unix_address import UnixAddress

ENDPOINT_VARIABLE = "SANDBOX_AGENT_ENDPOINT"
CA_VARIABLE = "SANDBOX_AGENT_TLS_CA"
PORTS = {"http": 80, "https": 443}


@frozen
class Endpoint:
    """``socket`` is a path; with it ``host`` is only what the Host header says. ``path`` is the base path, with no
    slash at its end."""

    scheme: str
    host: str
    port: int
    path: str = ""
    socket: str | None = None

    @classmethod
    def parse(cls, text: str) -> "Endpoint":
        """Raises :class:`ValueError`; its text is for programmers, but for a unix socket's."""
        if (unix := UnixAddress.parse(text)) is not None:
            return cls("http", "localhost", 80, unix.base_path, unix.path)
        parts = urlsplit(text)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ValueError(f"{text!r} is no URL of HTTP")
        port = PORTS[parts.scheme] if parts.port is None else parts.port
        return cls(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))

    @property
    def url(self) -> str:
        """As HTTP has it, also for a socket."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"

    @property
    def is_local(self) -> bool:
        """On this machine, as far as its text tells: no proxy leads there."""
        return self.socket is not None or is_loopback(self.host)

    def __str__(self) -> str:
        return self.url if self.socket is None else str(UnixAddress(self.socket, self.path))
