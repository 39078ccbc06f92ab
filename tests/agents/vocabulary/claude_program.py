"""What claude can say, read out of the text of its program: no command of its own tells it.

The program is one file that carries its JavaScript as text, and in that the schemas of its protocol. Their names are
other ones with each release; what is looked for is the shape, and sentences that describe the union of all messages and
say who makes which request.
"""

import mmap
import re
from collections.abc import Iterator
from pathlib import Path

from attrs import field, frozen

OUTPUT = b'.describe("Everything the CLI writes to its output stream'
"""Stands behind the union of all that claude writes."""

BEFORE, AFTER = 3_000_000, 200_000
"""Bytes of the program around that sentence that hold the schemas."""

LONGEST = 20_000
"""Characters of one schema."""

_DEFINITION = re.compile(r"[,; ]([\w$]+)=[\w$]+\(\(\)=>")
_UNION = re.compile(r"[\w$]+\(\[((?:[\w$]+\(\),?)+)\]\)")
_CALL = re.compile(r"([\w$]+)\(\)")
_TYPE = re.compile(r'[{,]type:[\w$]+\("(\w+)"\)')
_SUBTYPE = re.compile(r'[{,]subtype:[\w$]+\("(\w+)"\)')
_REQUEST = re.compile(r'\w+\(([\w$]+)\(\),"(agent|both)",')
"""A row of the table of requests: the schema of one, and who may make it."""

USER = "user"
"""Its type stands in a schema of its own."""


@frozen
class Vocabulary:
    """``messages`` are pairs of type and subtype; ``controls`` the subtypes of requests that claude itself makes."""

    messages: frozenset[tuple[str, str | None]]
    controls: frozenset[str]


@frozen
class Schemas:
    """The text that holds them, and where each of its definitions begins. A name may be given in several modules of the
    program: the one that is nearest to its use is meant."""

    text: str = field(repr=False)
    places: dict[str, list[tuple[int, int]]] = field(repr=False)

    @classmethod
    def of(cls, text: str) -> "Schemas":
        places: dict[str, list[tuple[int, int]]] = {}
        for found in _DEFINITION.finditer(text):
            places.setdefault(found[1], []).append((found.start(), found.end()))
        return cls(text, places)

    def of_name(self, name: str, near: int) -> tuple[int, str] | None:
        """Where it is defined, and its text up to the next definition."""
        if not (known := self.places.get(name)):
            return None
        start, end = min(known, key=lambda place: abs(place[0] - near))
        following = _DEFINITION.search(self.text, end, end + LONGEST)
        return start, self.text[end : following.start() if following else end + LONGEST]

    def leaves(self, names: Iterator[str] | list[str], near: int) -> Iterator[str]:
        """The schemas that these names, or the unions behind them, stand for."""
        for name in names:
            if (found := self.of_name(name, near)) is None:
                continue
            place, schema = found
            if union := _UNION.match(schema):
                yield from self.leaves(_CALL.findall(union[1]), place)
            else:
                yield schema


def vocabulary(program: Path) -> Vocabulary:
    """Raises :class:`ValueError` when the program does not look as it did."""
    with program.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if (place := content.find(OUTPUT)) < 0:
            raise ValueError(f"{program} does not say what it writes to its output stream")
        text = content[max(0, place - BEFORE) : place + AFTER].decode(errors="replace")
    schemas = Schemas.of(text)
    sentence = text.index(OUTPUT.decode())
    start = text.rindex("=>", 0, sentence) + 2
    union = _UNION.match(text, start)
    if union is None:
        raise ValueError(f"{program} describes its output in another way: {text[start : start + 100]!r}")
    messages = {_named(schema) for schema in schemas.leaves(_CALL.findall(union[1]), start)}
    requests = [schema for row in _REQUEST.finditer(text) for schema in schemas.leaves([row[1]], row.start())]
    controls = {found[1] for schema in requests if (found := _SUBTYPE.search(schema))}
    return Vocabulary(frozenset(messages), frozenset(controls))


def _named(schema: str) -> tuple[str, str | None]:
    """Only what comes before the first nested object: a message may hold others."""
    kind = _TYPE.search(schema)
    if kind is None:
        return USER, None
    subtype = _SUBTYPE.search(schema, kind.end(), kind.end() + 200)
    return kind[1], subtype[1] if subtype else None
