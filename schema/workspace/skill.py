"""A skill as text: what its ``SKILL.md`` says to the model, without what the agent itself would act on.

The front matter of such a file may grant tools, run programs as hooks, and choose a model or a shell. Its body may have
commands that are run, and files that are read, before the model sees it. Only what is listed here is carried over.
"""

import json
import re
from collections.abc import Iterator, Mapping

from attrs import frozen

MAX_DESCRIPTION = 1024
"""Most characters of a description: all descriptions are in every request to the model."""

MARKS = "marks"

_TEXTS = ("description", "when_to_use", "argument-hint")
_FLAGS = ("disable-model-invocation", "user-invocable")
_KNOWN = ("name", *_TEXTS, *_FLAGS, "license", "metadata", "version", "compatibility")
"""Members of the front matter that are carried over, or whose absence changes nothing. All others are told as left
out."""

_KEY = re.compile(r"([A-Za-z][A-Za-z0-9_-]*)[ \t]*:(?:[ \t]+(.*))?$")
_BLOCK = re.compile(r"[>|][+-]?[0-9]?$")
_BEFORE_ARGUMENT = re.compile(r"([!@`])(?=\$)")
_AFTER_ARGUMENT = re.compile(r"(\$(?:\{\w+\}|\w+(?:\[\w*\])?))(?=[!@`$])")
_FILE = re.compile(r"(?<!\S)@(?=\S)")
_COMMENT = re.compile(r"(?:^|[ \t])#.*$")


@frozen
class Skill:
    """``head`` has the texts and flags of the front matter that are carried over, ``dropped`` the names of the others.
    ``marks`` among these stands for commands and files in the body, which then become plain text."""

    head: Mapping[str, str]
    body: str
    dropped: tuple[str, ...]


def read_skill(text: str) -> Skill:
    """Takes linear time. A front matter that is not closed is part of the body."""
    lines = text.splitlines(keepends=True)
    end = 0
    if lines and lines[0].rstrip() == "---":
        end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), 0)
    members = dict(_members(lines[1:end]))
    body = "".join(lines[end + 1 if end else 0 :])
    head = {name: _scalar(members[name]) for name in _TEXTS if name in members}
    head |= {name: value for name in _FLAGS if (value := _scalar(members.get(name, [])).lower()) in ("true", "false")}
    if not head.get("description"):
        head["description"] = next((line.strip("# \t\r\n") for line in body.splitlines() if line.strip("# \t")), "")
    head["description"] = head["description"][:MAX_DESCRIPTION]
    dropped = [name for name in members if name not in _KNOWN]
    inert = _inert(body)
    return Skill(head, inert, (*dropped, *([MARKS] if inert != body else [])))


def write_skill(name: str, directory: str, skill: Skill) -> str:
    """A ``SKILL.md`` that has only text. ``directory`` is where the skill's other files are."""
    head = {"name": json.dumps(name)} | {
        key: value if key in _FLAGS else json.dumps(value, ensure_ascii=False) for key, value in skill.head.items()
    }
    lines = "".join(f"{key}: {value}\n" for key, value in head.items())
    note = f"The files of this skill are in {directory}\n"
    if MARKS in skill.dropped:
        note += "A blank is set behind each mark ! and @ here; the SKILL.md there is as it was written.\n"
    return f"---\n{lines}---\n{note}\n{skill.body}"


def _inert(body: str) -> str:
    """Make Claude Code's marks of commands and files plain text, by a blank. An argument may be replaced by nothing;
    then the characters on both sides must not form a mark either."""
    apart = _AFTER_ARGUMENT.sub(r"\1 ", _BEFORE_ARGUMENT.sub(r"\1 ", body))
    return _FILE.sub("@ ", apart.replace("!`", "! `").replace("```!", "``` !"))


def _members(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each member of a front matter, with the rest of its line and the lines that belong to it."""
    name, value = "", list[str]()
    for line in lines:
        if (key := _KEY.match(line.rstrip("\r\n"))) is not None:
            if name:
                yield name, value
            name, value = key[1], [(key[2] or "").strip()]
        else:
            value.append(line.strip())
    if name:
        yield name, value


def _scalar(value: list[str]) -> str:
    """The value as text on one line, in whichever way it is written in YAML."""
    first, *rest = value or [""]
    if not _BLOCK.match(first):
        rest = [first, *rest]
    text = " ".join(" ".join(rest).split())
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        quote = text[0]
        return text[1:-1].replace('\\"', '"') if quote == '"' else text[1:-1].replace("''", "'")
    return _COMMENT.sub("", text).strip()
