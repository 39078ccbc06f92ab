"""Unified diffs, applied strictly: every line of context must be there."""

import re

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


def applied(text: str, diff: str) -> str:
    """``text`` after the diff. Raises AssertionError where the diff does not fit."""
    old, new, at = text.splitlines(keepends=True), list[str](), 0
    lines = diff.splitlines(keepends=True)
    assert [line[:4] for line in lines[:2]] == ["--- ", "+++ "], diff
    for line in lines[2:]:
        if found := _HUNK.match(line):
            start = int(found[1]) - (found[2] != "0")  # a hunk of no lines stands behind the line that it names
            new += old[at:start]
            at = start
            continue
        sign, said = line[0], line[1:]
        assert sign in " +-", line
        if sign != "+":
            assert old[at] == said, f"{old[at]!r} is not {said!r}"
            at += 1
        if sign != "-":
            new.append(said)
    return "".join(new + old[at:])
