"""Host names: how a Host header and ``--allow-host`` write them, and which of them are equal.

Each name has one spelling here: lower case, no port, no brackets, no dot at its end; an address as ``ipaddress``
prints it. Any other text is no name: two lenient parsers could read it in two ways.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from attrs import frozen

ANY = "*"
MAX_NAME = 253
"""Most characters of a name in DNS (RFC 1035, as text)."""

_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_HEADER = re.compile(r"(?:\[(?P<address>[0-9a-f:.]+)\]|(?P<name>[^\[\]:]+))(?::(?P<port>[0-9]{0,5}))?")

Address = IPv4Address | IPv6Address


def read_host(header: str) -> tuple[str, str] | None:
    """The name and the port in a Host header (RFC 9110, section 7.2); the port may be empty. None for another text."""
    found = _HEADER.fullmatch(header.lower())
    if found is None:
        return None
    name = _one_name(found["name"]) if found["address"] is None else _one_address(found["address"])
    return None if name is None else (name, found["port"] or "")


def read_bound(host: str) -> str:
    """The host on which the server listens; there, brackets around IPv6 are optional."""
    text = host.lower().removeprefix("[").removesuffix("]")
    address = address_of(text)
    return text.removesuffix(".") if address is None else str(address)


def address_of(name: str) -> Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _one_name(text: str) -> str | None:
    name = text.removesuffix(".")
    if len(name) > MAX_NAME or not _NAME.fullmatch(name):
        return None
    address = address_of(name)
    return name if address is None else str(address)


def _one_address(text: str) -> str | None:
    """The address in brackets, which must be IPv6."""
    address = address_of(text)
    return str(address) if isinstance(address, IPv6Address) else None


@frozen
class AllowedHosts:
    """The names of ``--allow-host``. ``below`` are the ``*.example.com``, each as ``.example.com``."""

    every: bool = False
    exact: frozenset[str] = frozenset()
    below: tuple[str, ...] = ()

    @classmethod
    def parse(cls, said: Iterable[str]) -> "AllowedHosts":
        """Raises :class:`ValueError` for a name that no Host header can match."""
        every, exact, below = False, set[str](), list[str]()
        for text in said:
            if text == ANY:
                every = True
            elif text.startswith("*."):
                below.append("." + _parse(text, text[2:], address_allowed=False))
            else:
                exact.add(_parse(text, text, address_allowed=True))
        return cls(every, frozenset(exact), tuple(below))

    def __bool__(self) -> bool:
        return bool(self.every or self.exact or self.below)

    def allow(self, name: str) -> bool:
        """``name`` is from :func:`read_host`."""
        return self.every or name in self.exact or name.endswith(self.below)


def _parse(said: str, text: str, *, address_allowed: bool) -> str:
    lower = text.lower()
    bare = lower.removeprefix("[").removesuffix("]") if lower.startswith("[") else lower
    name = _one_name(lower) or _one_address(bare)
    if name is not None and (address_allowed or address_of(name) is None):
        return name
    if (with_port := read_host(lower)) is not None and with_port[1]:
        advice = "leave the port out: a name is allowed with every port"
    elif "://" in said:
        advice = "write the name alone, without a scheme and a path"
    elif said.startswith("."):
        advice = f"write *{said} for all names below it"
    elif not said.isascii():
        advice = "write it as browsers send it, in ASCII (xn--…)"
    else:
        advice = "write a name (box.example.com), all names below one (*.example.com), an address, or * for every host"
    raise ValueError(f"--allow-host {said!r} is not a host name: {advice}")
