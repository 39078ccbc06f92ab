"""Looking at a workspace: which configuration is there and is not read, and the texts that are."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import structlog
import trio
from attrs import define, field

from ...schema.settings import Settings
from ...schema.workspace.imports import imports
from ...schema.workspace.project import Kind, LeftOut, Project, ProjectFiles, ProjectSkill, ProjectText
from ...schema.workspace.skill import read_skill
from ..client_path import shown
from .text_file import NotCarried, Text, is_below, read_text

_log = structlog.get_logger("agent")

MAX_NAMES = 200
"""Skills, and files with rules, that are looked at in one folder."""

MAX_DEPTH = 4
"""How deep imports lead, and folders with rules."""

MAX_LEVELS = 64
"""Directories above the working directory that are looked at."""

MAX_LEFT_OUT = 200
"""Files that are told of."""

UNREAD = "the workspace could not be read in {:g} s"


async def survey(files: ProjectFiles, directory: str, settings: Settings) -> Project:
    """What of a project reaches an untrusted session in ``directory``, and what does not. A file system that hangs
    costs a thread, and ``workspace_timeout``. Raises OSError when no file can be opened just now."""
    with trio.move_on_after(settings.workspace_timeout or float("inf")):
        # A limiter of its own: those that hang must not use up the threads of others.
        return await trio.to_thread.run_sync(
            look, files, directory, settings, limiter=trio.CapacityLimiter(1), abandon_on_cancel=True
        )
    reason = UNREAD.format(settings.workspace_timeout)
    _log.warning("a workspace is not carried into its session", directory=shown(directory), error=reason)
    return Project(directory, (directory,), left_out=(LeftOut("workspace", ".", reason),))


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
    )


@define
class _Look:
    files: ProjectFiles
    directory: str
    settings: Settings
    levels: list[str] = field(factory=list[str])
    instructions: list[ProjectText] = field(factory=list[ProjectText])
    skills: list[ProjectSkill] = field(factory=list[ProjectSkill])
    left_out: list[LeftOut] = field(factory=list[LeftOut])
    _room: int = field(init=False)
    _until: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._room = self.settings.workspace_text_bytes
        # Nobody waits any more by then.
        self._until = time.monotonic() + (self.settings.workspace_timeout or float("inf"))

    def run(self) -> None:
        levels = list(_levels(self.directory))
        top = next((i for i, level in enumerate(levels) if os.path.lexists(f"{level}/.git")), 0)
        self.levels = repository = levels[: top + 1]
        above = levels[top + 1 :] if self.files.reach == "root" else []
        # The innermost directory has the first claim on the room that there is; the outermost is read first.
        found = [self._instructions(level, inside=level in repository) for level in repository + above]
        self.instructions = [text for texts in reversed(found) for text in texts]
        for level in repository:
            self.skills += self._skills(level)
            for configuration in self.files.configuration:
                path = f"{level}/{configuration.path}"
                if os.path.lexists(path):
                    self._tell(LeftOut(configuration.kind, self._told(path)))

    def _instructions(self, level: str, *, inside: bool) -> list[ProjectText]:
        """``inside``: of the repository, or else of a directory above it."""
        texts: list[ProjectText] = []
        paths = [[f"{level}/{name}" for name in group] for group in self.files.instructions]
        if inside:
            paths += [[path] for folder in self.files.rules for path in self._rules(f"{level}/{folder}", level)]
        for group in paths:
            path = next((path for path in group if os.path.lexists(path)), None)
            if path is None:
                continue
            # What lies above the repository is somebody else's: no link there is followed.
            texts += self._text_with_imports(path, level if inside else path)
        return texts

    def _text_with_imports(self, path: str, base: str) -> list[ProjectText]:
        """A text, and behind it those that it imports."""
        if (text := self._text("instructions", path, base)) is None:
            return []
        texts = {text.path: text.content}
        fresh = [text] if self.files.imports else []
        for _ in range(MAX_DEPTH):
            words = [(origin.path, word) for origin in fresh for word in imports(origin.content)]
            fresh: list[Text] = []
            for origin, word in words:
                found = self._import(origin, word, base)
                if found is not None and found.path not in texts:
                    texts[found.path] = found.content
                    fresh.append(found)
        return [ProjectText(path, content) for path, content in texts.items()]

    def _import(self, origin: str, word: str, base: str) -> Text | None:
        """A word that looks like an import may be none, and then names a folder, or nothing."""
        wanted = os.path.normpath(Path(origin).parent / word)
        if word.startswith("~") or not is_below(wanted, base):
            self._tell(LeftOut("instructions", shown(word), "is imported from outside of its directory"))
            return None
        return None if Path(wanted).is_dir() else self._text("instructions", wanted, base)

    def _rules(self, folder: str, level: str, depth: int = MAX_DEPTH) -> list[str]:
        paths: list[str] = []
        for name, is_folder in _names(folder, level).items():
            if is_folder and depth:
                paths += self._rules(f"{folder}/{name}", level, depth - 1)
            elif name.endswith(".md"):
                paths.append(f"{folder}/{name}")
        return paths[:MAX_NAMES]

    def _skills(self, level: str) -> Iterator[ProjectSkill]:
        for folder in self.files.skills:
            for name in _names(f"{level}/{folder}", level):
                path = f"{level}/{folder}/{name}/SKILL.md"
                if (text := self._text("skill", path, level)) is not None:
                    if dropped := read_skill(text.content).dropped:
                        self._leave("skill", path, f"only its text is carried; not its {', '.join(dropped)}")
                    yield ProjectSkill(name, f"{level}/{folder}/{name}", text.content)

    def _text(self, kind: Kind, path: str, base: str) -> Text | None:
        if time.monotonic() > self._until:
            return None
        try:
            text = read_text(path, base, self.settings.workspace_file_bytes)
        except NotCarried as error:
            self._leave(kind, path, str(error))
            return None
        if text is None:
            return None
        size = len(text.content.encode())
        if size > self._room:
            self._leave(kind, path, f"the texts of a workspace may have {self.settings.workspace_text_bytes} bytes")
            return None
        self._room -= size
        return text

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


def _names(folder: str, base: str) -> Mapping[str, bool]:
    """The first names in a folder, in order, and whether each is itself a folder. Nothing of one that lies, after all
    links, outside of ``base``."""
    try:
        if not is_below(os.path.realpath(folder), base):
            return {}
        with os.scandir(folder) as entries:
            found: Sequence[tuple[str, bool]] = [
                (entry.name, entry.is_dir()) for entry, _ in zip(entries, range(10 * MAX_NAMES), strict=False)
            ]
    except OSError:
        return {}
    return dict(sorted(found)[:MAX_NAMES])
