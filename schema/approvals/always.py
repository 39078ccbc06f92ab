"""The meaning of `always`: it allows exactly what the human was shown, and nothing that is only similar.

A dialect says with each permission what an `always` would be about. A later permission is granted when it is about the
same: the same command in the same directory, the same files, the same URL, the same tool of the same MCP server, or
else the same input. There are no patterns, prefixes or kinds: what a pattern matches is not what was shown.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from attrs import field, frozen

from ..bounds import shortened

AlwaysKind = Literal["command", "file", "url", "mcp_tool", "input"]

MAX_TEXT = 4096
"""Most characters of a rule's text. The permission's own metadata has the whole subject."""


@frozen
class Always:
    """``text`` is what the human is shown. ``subject`` is JSON data that must be equal, ``paths`` are files that must
    still be the same ones, symlinks resolved; a relative one is relative to the session's directory."""

    kind: AlwaysKind
    text: str
    subject: Any = field(repr=False)
    paths: tuple[str, ...] = ()

    def fingerprint(self, files: Sequence[str] = ()) -> str:
        """Two permissions are about the same when their fingerprints are equal. ``files`` are the real paths of
        ``paths``. Raises what encoding raises for a subject that is nested too deeply."""
        about = [self.kind, self.subject, sorted(set(files))]
        return hashlib.sha256(msgspec.json.encode(about, order="sorted")).hexdigest()


def of_command(tool: str, command: str, more: Mapping[str, Any], directory: str | None = None) -> Always:
    """``more`` are further properties of the command, such as that it leaves a sandbox; they are shown too.
    ``directory`` is where it runs, when that is not the session's own."""
    told = {name: value for name, value in more.items() if value not in (None, False, "", [], {})}
    place = f" (in {directory})" if directory else ""
    text = f"{command}{place}" + (f" {_json(told)}" if told else "")
    return Always("command", shortened(text, MAX_TEXT), [tool, command, directory, told])


def of_files(tool: str, verbs: Sequence[str], paths: Sequence[str]) -> Always:
    """A tool that changes files: any change by it of the same files. ``verbs`` say what it does to each."""
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
    """Anything else: exactly the same input, in any order of its members."""
    return Always("input", shortened(f"{tool} {_json(said)}", MAX_TEXT), [tool, said])


def of_named_tool(tool: str, said: Any) -> Always:
    """Recognises an MCP server's tool by the name that claude and Amp give it, ``mcp__server__tool``; all others are
    compared by their input."""
    if tool.startswith("mcp__"):
        server, _, name = tool.removeprefix("mcp__").partition("__")
        return of_mcp_tool(server, name)
    return of_input(tool, said)


def _json(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()
