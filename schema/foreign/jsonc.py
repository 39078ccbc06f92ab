"""JSON with comments and trailing commas, as in the settings files of amp and VS Code."""

import re

_MARK = re.compile(r'["/,]')
"""Characters at which a string, a comment or a trailing comma may begin."""

_QUOTED = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)
"""The rest of a string, after its opening quote."""


def to_json(text: str) -> str:
    """The same text without comments and trailing commas. Linear in the length: each character is read once, or twice
    where a comma is followed by blanks and comments. All other errors are left to the JSON parser.

    Raises :class:`ValueError` for a comment or a string that does not end.
    """
    kept: list[str] = []
    comma: int | None = None  # index of the last comma in `kept`, while only blanks followed
    at = 0
    while (mark := _MARK.search(text, at)) is not None:
        start, end = mark.start(), mark.end()
        between = text[at:start]
        if comma is not None and (rest := between.lstrip()):
            if rest[0] in "]}":
                kept[comma] = ""
            comma = None
        kept.append(between)
        match mark[0]:
            case '"':
                quoted = _QUOTED.match(text, end)
                if quoted is None:
                    raise ValueError("a string does not end")
                at, comma = quoted.end(), None
                kept.append(text[start:at])
            case ",":
                at, comma = end, len(kept)
                kept.append(",")
            case _ if text.startswith("//", start):
                newline = text.find("\n", end)
                at = len(text) if newline < 0 else newline
            case _ if text.startswith("/*", start):
                closed = text.find("*/", end + 1)
                if closed < 0:
                    raise ValueError("a comment does not end")
                at = closed + 2
                kept.append(" ")
            case _:
                at, comma = end, None
                kept.append("/")
    rest = text[at:]
    if comma is not None and rest.lstrip()[:1] in ("]", "}"):
        kept[comma] = ""
    kept.append(rest)
    return "".join(kept)
