"""What agents read from the directory that they work in, and what of it reaches an untrusted session."""

from typing import Any, Literal

from attrs import field, frozen

Kind = str
"""What a file of a project is for, in one word: ``settings``, ``mcp``, ``hooks``, ``rules``, ``agents``, ``commands``,
``plugins``, ``outputStyles``, ``instructions``, ``skill`` and what else an agent has."""


@frozen
class Configuration:
    """A file or a folder that configures an agent. ``path`` is relative to a directory, with slashes. ``parsed``: the
    agent reads this file in any case, also where nothing in it counts."""

    path: str
    kind: Kind
    parsed: bool = False


@frozen
class ProjectFiles:
    """What an agent reads, in the working directory and in those above it.

    ``configuration`` is not read in an untrusted session. ``instructions`` are text: of each group the first file that
    exists in a directory counts. ``rules`` are folders whose ``.md`` files are instructions too. ``skills`` are folders
    that hold one folder per skill. ``reach`` is how far up instructions are looked for: up to the directory that
    has a ``.git``, or up to the root of the file system; configuration and skills are looked for up to the former.
    ``imports``: a word ``@PATH`` in instructions stands for the text of that file.
    """

    configuration: tuple[Configuration, ...] = ()
    instructions: tuple[tuple[str, ...], ...] = ()
    rules: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    reach: Literal["repository", "root"] = "repository"
    imports: bool = False


@frozen
class LeftOut:
    """A file of the project that is left out of an untrusted session. ``path`` is relative to its directory, or as
    written in the text that imports it. ``reason`` says why, when it is not that configuration is never read."""

    kind: Kind
    path: str
    reason: str | None = None

    def told(self) -> dict[str, Any]:
        """The form that it has in the event ``session.started``."""
        told = {"kind": self.kind, "path": self.path}
        return told if self.reason is None else told | {"reason": self.reason}


@frozen
class ProjectText:
    """A file with instructions. ``path`` is absolute."""

    path: str
    text: str = field(repr=False)


@frozen
class ProjectSkill:
    """The text of ``SKILL.md`` in ``directory``, an absolute path, unchanged. ``name`` is the folder's name."""

    name: str
    directory: str
    text: str = field(repr=False)


@frozen
class Project:
    """What was found in ``directory``, a path without links. ``levels`` are that directory and those above it, up to
    the one that has a ``.git``. ``instructions`` are in the order in which a model reads them: the outermost directory
    first."""

    directory: str
    levels: tuple[str, ...] = ()
    instructions: tuple[ProjectText, ...] = ()
    skills: tuple[ProjectSkill, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    refused: LeftOut | None = None
    """A file that the agent would read in any case, and must not: no agent can be started here."""
