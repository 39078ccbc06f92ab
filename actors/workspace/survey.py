"""The survey of a workspace: which configuration is there and does not count, and which texts are carried over."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import structlog
from attrs import define, field, frozen

from ...schema.foreign.not_readable import NotReadable
from ...schema.settings import Settings
from ...schema.workspace.imports import imports
from ...schema.workspace.project import Kind, LeftOut, Project, ProjectFiles, ProjectSkill, ProjectText
from ...schema.workspace.skill import read_skill
from ..files.client_path import shown
from ..files.foreign_file import list_directory, read_file
from ..files.reader import ForeignFiles

_log = structlog.get_logger("agent")

MAX_NAMES = 200
"""Most skills, or files with rules, in one folder; of a larger folder nothing is carried over."""

MAX_DEPTH = 4
"""How deep imports, and folders with rules, are followed."""

MAX_LEVELS = 64
"""Most directories above the working directory that are searched."""

MAX_PARSED = 64 << 10
"""Most bytes of a configuration that an agent parses although nothing in it counts. Usual ones have a few hundred."""

MAX_LEFT_OUT = 200
"""Most files that are reported."""


async def survey(files: ProjectFiles, directory: str, settings: Settings, foreign: ForeignFiles) -> Project:
    """What of a project reaches an untrusted session in ``directory``, and what is left out. On a file system that does
    not answer in time nothing reaches it. Raises OSError when no file can be opened now."""
    try:
        return await foreign.run(directory, partial(look, files, directory, settings))
    except NotReadable as error:
        _log.warning("a workspace is not carried into its session", directory=shown(directory), error=str(error))
        return Project(directory, (directory,), left_out=(LeftOut("workspace", ".", str(error)),))


def look(files: ProjectFiles, directory: str, settings: Settings) -> Project:
    """As :func:`survey`; blocks."""
    seen = _Look(files, os.path.realpath(directory), settings)
    seen.run()
    return Project(
        seen.directory,
        tuple(level or "/" for level in seen.levels),
        tuple(seen.instructions),
        tuple(seen.skills),
        tuple(seen.left_out),
        seen.refused,
    )


@frozen
class _Text:
    """``path`` is the file's own, after all links."""

    path: str
    content: str


@define
class _Look:
    files: ProjectFiles
    directory: str
    settings: Settings
    levels: list[str] = field(factory=list[str])
    instructions: list[ProjectText] = field(factory=list[ProjectText])
    skills: list[ProjectSkill] = field(factory=list[ProjectSkill])
    left_out: list[LeftOut] = field(factory=list[LeftOut])
    refused: LeftOut | None = None
    _room: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._room = self.settings.workspace_text_bytes

    def run(self) -> None:
        levels = list(_levels(self.directory))
        top = next((i for i, level in enumerate(levels) if os.path.lexists(f"{level}/.git")), 0)
        self.levels = repository = levels[: top + 1]
        above = levels[top + 1 :] if self.files.reach == "root" else []
        # The innermost directory gets its room first; the texts are in the order from the outermost.
        found = [self._instructions(level, inside=level in repository) for level in repository + above]
        self.instructions = [text for texts in reversed(found) for text in texts]
        for level in repository:
            self.skills += self._skills(level)
            for configuration in self.files.configuration:
                path = f"{level}/{configuration.path}"
                if os.path.lexists(path):
                    self._tell(LeftOut(configuration.kind, self._told(path)))
                    if configuration.parsed:
                        self._check(configuration.kind, path)

    def _check(self, kind: Kind, path: str) -> None:
        try:
            read_file(path, MAX_PARSED)
        except NotReadable as error:
            self.refused = LeftOut(kind, self._told(path), str(error))

    def _instructions(self, level: str, *, inside: bool) -> list[ProjectText]:
        """``inside``: the directory belongs to the repository, and not to what is above it."""
        texts: list[ProjectText] = []
        paths = [[f"{level}/{name}" for name in group] for group in self.files.instructions]
        if inside:
            paths += [[path] for folder in self.files.rules for path in self._rules(f"{level}/{folder}", level)]
        for group in paths:
            path = next((path for path in group if os.path.lexists(path)), None)
            if path is None:
                continue
            texts += self._text_with_imports(path, level, inside=inside)
        return texts

    def _text_with_imports(self, path: str, level: str, *, inside: bool) -> list[ProjectText]:
        """A text, followed by those that it imports. A file above the repository belongs to somebody else: its imports
        are ignored, and no link there is followed."""
        if (text := self._text("instructions", path, level, follow=inside)) is None:
            return []
        texts = {text.path: text.content}
        fresh = [text] if self.files.imports and inside else []
        for _ in range(MAX_DEPTH):
            words = [(origin.path, word) for origin in fresh for word in imports(origin.content)]
            fresh: list[_Text] = []
            for origin, word in words:
                found = self._import(origin, word, level)
                if found is not None and found.path not in texts:
                    texts[found.path] = found.content
                    fresh.append(found)
        return [ProjectText(path, content) for path, content in texts.items()]

    def _import(self, origin: str, word: str, level: str) -> _Text | None:
        """The imported file, if there is one: a word that looks like an import may be none."""
        wanted = Path(os.path.normpath(Path(origin).parent / word))
        if word.startswith("~") or not wanted.is_relative_to(level or "/"):
            self._tell(LeftOut("instructions", shown(word), "is imported from outside of its directory"))
            return None
        return None if wanted.is_dir() else self._text("instructions", str(wanted), level)

    def _rules(self, folder: str, level: str, depth: int = MAX_DEPTH) -> list[str]:
        paths: list[str] = []
        for name in self._names("instructions", folder, level):
            path = f"{folder}/{name}"
            if name.endswith(".md"):
                paths.append(path)
            elif depth and Path(path).is_dir():
                paths += self._rules(path, level, depth - 1)
        return paths

    def _skills(self, level: str) -> Iterator[ProjectSkill]:
        for folder in self.files.skills:
            for name in self._names("skill", f"{level}/{folder}", level):
                path = f"{level}/{folder}/{name}/SKILL.md"
                if (text := self._text("skill", path, level)) is not None:
                    if dropped := read_skill(text.content).dropped:
                        self._leave("skill", path, f"only its text is carried; not its {', '.join(dropped)}")
                    yield ProjectSkill(name, f"{level}/{folder}/{name}", text.content)

    def _text(self, kind: Kind, path: str, level: str, *, follow: bool = True) -> _Text | None:
        """A file that is below this directory, also after all links. Invalid UTF-8 is replaced."""
        try:
            content = read_file(path, self.settings.workspace_file_bytes, follow=follow, beneath=level or "/")
        except NotReadable as error:
            self._leave(kind, path, shown(str(error)))
            return None
        if content is None:
            return None
        if len(content) > self._room:
            self._leave(kind, path, f"the texts of a workspace may have {self.settings.workspace_text_bytes} bytes")
            return None
        self._room -= len(content)
        return _Text(os.path.realpath(path), content.decode("utf-8-sig", "replace").replace("\0", "\ufffd"))

    def _names(self, kind: Kind, folder: str, level: str) -> tuple[str, ...]:
        """The names in a folder that is below this directory, also after all links."""
        try:
            return list_directory(folder, MAX_NAMES, beneath=level or "/") or ()
        except NotReadable as error:
            self._leave(kind, folder, shown(str(error)))
            return ()

    def _leave(self, kind: Kind, path: str, reason: str) -> None:
        self._tell(LeftOut(kind, self._told(path), reason))

    def _tell(self, left: LeftOut) -> None:
        if len(self.left_out) < MAX_LEFT_OUT:
            self.left_out.append(left)

    def _told(self, path: str) -> str:
        return shown(os.path.relpath(path, self.directory))


def _levels(directory: str) -> Iterator[str]:
    """The directory and those above it."""
    for _ in range(MAX_LEVELS):
        yield "" if directory == "/" else directory
        if directory == "/":
            return
        directory = str(Path(directory).parent)
