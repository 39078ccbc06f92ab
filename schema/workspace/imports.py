"""Imports in instructions: a word ``@PATH`` outside of code stands for the file of that name, as Claude Code reads its
CLAUDE.md."""

import re

MOST = 100
"""Most imports of one text that are followed."""

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_CODE = re.compile(r"`[^`\n]*`")
_IMPORT = re.compile(r"(?<!\S)@((?:[^\s\\]|\\ )+)")
_TRAILING = ".,;:!?)\"'"


def imports(text: str) -> tuple[str, ...]:
    """The imported paths as written, each once, in order; an escaped blank is a blank. Takes linear time."""
    found: dict[str, None] = {}
    fence = ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if fence:
            if mark is not None and mark[1].startswith(fence):
                fence = ""
            continue
        if mark is not None:
            fence = mark[1]
            continue
        for word in _IMPORT.finditer(_CODE.sub(" ", line)):
            path = word[1].replace("\\ ", " ").partition("#")[0].rstrip(_TRAILING)
            if path:
                found[path] = None
            if len(found) == MOST:
                return tuple(found)
    return tuple(found)
