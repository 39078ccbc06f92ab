"""What `always` stands for: exactly what the human is shown, and nothing that only looks like it.

A dialect says with each permission what an `always` would be about. A later permission is granted when it is about the
very same: the same command in the same place, the same files, the same URL, the same tool of the same MCP server, or
else the same input. No pattern, prefix or kind: what a pattern matches is not what was shown.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from attrs import field, frozen

from ..bounds import shortened

AlwaysKind = Literal["command", "file", "url", "mcp_tool", "input"]

MAX_TEXT = 4096
"""Characters of a rule's text. What it is about stands in the permission's own metadata, whole."""


@frozen
class Always:
    """``text`` is what the human is shown. ``subject`` is JSON data that must be equal, ``paths`` are files that must
    still be the same ones, symlinks resolved; a relative one is relative to the session's directory."""

    kind: AlwaysKind
    text: str
    subject: Any = field(repr=False)
    paths: tuple[str, ...] = ()

    def fingerprint(self, files: Sequence[str] = ()) -> str:
        """Two are about the same when these are equal. ``files`` are the real paths of ``paths``. Raises what encoding
        raises for a subject that is nested too deeply."""
        about = [self.kind, self.subject, sorted(set(files))]
        return hashlib.sha256(msgspec.json.encode(about, order="sorted")).hexdigest()


def of_command(tool: str, command: str, more: Mapping[str, Any], directory: str | None = None) -> Always:
    """``more`` is what else makes this command what it is, such as that it leaves a sandbox; it is shown too.
    ``directory`` is where it runs when that is not the session's own."""
    told = {name: value for name, value in more.items() if value not in (None, False, "", [], {})}
    place = f" (in {directory})" if directory else ""
    text = f"{command}{place}" + (f" {_json(told)}" if told else "")
    return Always("command", shortened(text, MAX_TEXT), [tool, command, directory, told])


def of_files(tool: str, verbs: Sequence[str], paths: Sequence[str]) -> Always:
    """A tool that changes files: whatever it writes to the same ones. ``verbs`` are what it does to each."""
    text = ", ".join(f"{verb} {path}" for verb, path in zip(verbs, paths, strict=True))
    done = sorted(set(verbs))
    return Always("file", shortened(text, MAX_TEXT), [tool, done, sorted(set(paths))], tuple(paths))


def of_url(tool: str, url: str) -> Always:
    return Always("url", shortened(f"{tool} {url}", MAX_TEXT), [tool, url])


def of_mcp_tool(server: str, tool: str) -> Always:
    """A tool of an MCP server, with any arguments."""
    text = f"MCP tool {tool} of {server}" if server else f"MCP tool {tool}"
    return Always("mcp_tool", shortened(f"{text}, with any arguments", MAX_TEXT), [server, tool])


def of_input(tool: str, said: Any) -> Always:
    """Anything else: the same input to the byte, whatever the order of its members."""
    return Always("input", shortened(f"{tool} {_json(said)}", MAX_TEXT), [tool, said])


def of_named_tool(tool: str, said: Any) -> Always:
    """By the name that claude and Amp give an MCP server's tool, ``mcp__server__tool``; else its input."""
    if tool.startswith("mcp__"):
        server, _, name = tool.removeprefix("mcp__").partition("__")
        return of_mcp_tool(server, name)
    return of_input(tool, said)


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
