"""Which values are secret. A variable's name says that it has a secret; its value decides how far it can be masked.

A password may be a frequent word: ``postgres``, ``localhost``, a path, a number. To mask that everywhere would hide
what a human has to judge. So a value is masked everywhere only when it is unlike ordinary text; every other value is
masked only after its variable's name.
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from attrs import field, frozen

from ..credentials.credential import VARIABLES
from .patterns import USERINFO

SECRET_WORDS = (
    "KEY",
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "CREDENTIAL",
    "DATABASE_URL",
    "CONNECTION_STRING",
)
"""A variable whose name contains one of these has a secret."""

SHORTEST = 8
"""Characters. A shorter secret could not be distinguished from ordinary text."""

LONG = 16
"""Characters from which a value is masked also inside a longer word, and from which words alone are a passphrase."""

LONGEST = 64 << 10
"""Characters of a value that are examined: environments sometimes contain whole files."""

_PLAIN_PART = re.compile(r"[a-z]*|[A-Z]*|[A-Z][a-z]*|[0-9]{1,4}")

_NUMBER = re.compile(r"[-+0-9.,:/\s]{1,15}")

_SEPARATORS = re.compile(r"[-_.:/@\s,+=~]+")

_RANDOM_RUN = re.compile(r"[A-Za-z0-9+_-]{16,}")

_USERINFO = re.compile(USERINFO)


@frozen
class Secret:
    """``text`` is never empty. ``anywhere``: masked also in the middle of a word. ``after``: masked only after this
    name and ``=`` or ``:``."""

    text: str = field(repr=False)
    anywhere: bool = True
    after: str | None = None


def of_environment(environment: Mapping[str, str]) -> Iterator[Secret]:
    """The secrets of an agent's environment, or of the daemon's."""
    known = {variable.name for variable in VARIABLES}
    for name, value in environment.items():
        if name in known:
            yield from certain(value)
        elif any(word in name.upper() for word in SECRET_WORDS):
            yield from of_value(value, name)
        elif "://" in value:
            yield from _of_url(value)


def certain(value: str) -> Iterator[Secret]:
    """A value that is a secret whatever it looks like: a token, a credential that was found."""
    for line in (value.strip(), *_lines(value)):
        if len(line) >= SHORTEST:
            yield Secret(line, anywhere=len(line) >= LONG)


def of_value(value: str, name: str) -> Iterator[Secret]:
    """The secrets in the value of a variable. Each line of a key with several lines is a secret of its own."""
    value = value[:LONGEST].strip()  # a line break at the end of a key is not printed with it
    for line in _lines(value):
        yield Secret(line)
    yield from _of_url(value)
    if is_distinct(value):
        yield Secret(value, anywhere=len(value) >= LONG)
    elif value:
        yield Secret(value, anywhere=False, after=name)


def is_distinct(value: str) -> bool:
    """Whether a value is unlike the words, numbers, paths and names of hosts of ordinary text."""
    if len(value) < SHORTEST:
        return False
    if "://" in value or value.startswith(("/", "./", "../", "~")):
        # A URL or a path is no secret itself, unless a part of it is.
        return any(map(_is_random, _RANDOM_RUN.findall(value)))
    if _NUMBER.fullmatch(value):
        return False
    plain = all(_PLAIN_PART.fullmatch(part) for part in _SEPARATORS.split(value))
    return not plain or (len(value) >= LONG and not _is_host(value))


def _lines(value: str) -> Iterator[str]:
    if "\n" in value:
        lines = (line.strip() for line in value.splitlines())
        yield from (line for line in lines if len(line) >= LONG and not line.startswith("-----"))


def _of_url(value: str) -> Iterator[Secret]:
    """The password of a URL, as written and decoded, and the URL that contains it."""
    for match in _USERINFO.finditer(value):
        password = match["password"]
        yield Secret(value.strip())
        for text in dict.fromkeys((password, unquote(password))):
            if is_distinct(text):
                yield Secret(text, anywhere=len(text) >= LONG)


def _is_random(run: str) -> bool:
    return any(c.isdigit() for c in run) and any(c.islower() for c in run) and any(c.isupper() for c in run)


def _is_host(value: str) -> bool:
    return "." in value and " " not in value
