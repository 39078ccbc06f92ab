"""Which daemon is meant: by its data directory, and by -H and -p when those were said."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click
from attrs import frozen
from click.core import ParameterSource

F = TypeVar("F", bound=Callable[..., Any])


def address_options(command: F) -> F:
    """Adds ``host`` and ``port`` to a command that looks for a daemon; None when they were not said."""
    options = (
        click.option("-H", "--host", help="Only the one that listens on this host."),
        click.option("-p", "--port", type=click.IntRange(0, 65535), help="Only the one that listens on this port."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@frozen
class Asked:
    """None is whatever it listens on, and so is port 0."""

    host: str | None
    port: int | None

    @classmethod
    def of(cls, ctx: click.Context) -> "Asked":
        """What was said on the command line; a default is no wish."""

        def said(name: str) -> Any:
            return ctx.params[name] if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE else None

        return cls(said("host"), said("port") or None)

    def __str__(self) -> str:
        words = [f"host {self.host}"] if self.host is not None else []
        words += [f"port {self.port}"] if self.port is not None else []
        return ", ".join(words)

    def __bool__(self) -> bool:
        return self.host is not None or self.port is not None

    def fits(self, host: str | None, urls: Sequence[str]) -> bool:
        """``host`` is what the daemon was told, ``urls`` are where it listens."""
        return any(self._fits_port(url) and self._fits_host(host, url) for url in urls)

    def _fits_port(self, url: str) -> bool:
        return self.port is None or (not url.startswith("unix:") and urlsplit(url).port == self.port)

    def _fits_host(self, host: str | None, url: str) -> bool:
        from ...schema.access.loopback import is_loopback
        from ..address import REACHED_BY, same_host

        if self.host is None or self.host == host:
            return True
        asked, bound = self.host.lower().strip("[]"), urlsplit(url).hostname or ""
        if asked == (host or "").lower().strip("[]") or asked == bound:
            return True
        if asked == "localhost":
            return is_loopback(REACHED_BY.get(bound, bound))
        return same_host(bound, asked)
