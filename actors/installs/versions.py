"""What is installed of one agent, on disk.

    <data>/agents/<agent>/
        lock                  held while an install is at work, also by another daemon
        trees/<unique>/       what one install built, or is building
        <version>             link to the tree that holds this version
        current               link to the tree that is used when no version is named

A tree is built where it will stay and counts only once a link names it. A link is replaced by rename, in one step, so
a reader finds the old tree or the new one; what no link names is the remains of an install that was killed.
Everything here blocks: call it in a worker thread.
"""

import json
import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

from attrs import asdict, frozen

from ..files.foreign_file import read_file

RECEIPT = "install.json"
MAX_RECEIPT = 64 << 10
"""Bytes."""

CURRENT = "current"
DRAFT = ".link"

VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,99}")
"""An exact version, never a tag or a range: the same request must always mean the same program."""


@frozen
class Installed:
    version: str
    program: Path


@frozen
class Receipt:
    """``program`` is relative to the tree; ``source`` says where the tree came from."""

    version: str
    program: str
    source: str


class InstalledVersions:
    def __init__(self, data: Path, agent: str) -> None:
        self.root = data / "agents" / agent
        self.lock = self.root / "lock"
        self.trees = self.root / "trees"

    def __repr__(self) -> str:
        return f"<InstalledVersions {self.root}>"

    def find(self, version: str | None = None) -> Installed | None:
        """A version that is installed, the current one when none is named; None when it is not, or is damaged."""
        link = self.root / (version or CURRENT)
        try:
            receipt = Receipt(**json.loads(read_file(link / RECEIPT, MAX_RECEIPT) or b""))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        # By its version: a session that runs keeps its program when another becomes the current one.
        program = self.root / receipt.version / receipt.program
        runs = version in (None, receipt.version) and os.access(program, os.X_OK)
        return Installed(receipt.version, program) if runs else None

    def begin(self, name: str) -> Path:
        """A new tree, empty."""
        tree = self.trees / name
        tree.mkdir(parents=True)
        return tree

    def activate(self, tree: Path, receipt: Receipt, *, current: bool, check: Callable[[], None]) -> None:
        """Make a finished tree count. ``check`` is called often, and may raise to stop before it does."""
        (tree / RECEIPT).write_text(json.dumps(asdict(receipt)))
        _open(self.root, self.trees)
        _sync(tree, check)
        old = self._target(receipt.version)
        self._link(receipt.version, tree)
        if current or not (self.root / CURRENT).exists():
            self._link(CURRENT, tree)
        if old is not None and old != tree.resolve():
            if self._target(CURRENT) == old:
                self._link(CURRENT, tree)
            shutil.rmtree(old, ignore_errors=True)

    def use(self, version: str) -> None:
        """Make a version that is installed the current one."""
        if (tree := self._target(version)) is not None:
            self._link(CURRENT, tree)

    def remains(self) -> list[Path]:
        """Trees that no link names. Only who holds the lock may touch them: one may be under construction."""
        if not self.trees.is_dir():
            return []
        links = [entry for entry in self.root.iterdir() if entry.is_symlink() and entry.name != DRAFT]
        named = {link.resolve() for link in links}
        return [tree for tree in self.trees.iterdir() if tree.resolve() not in named]

    def _target(self, link: str) -> Path | None:
        path = self.root / link
        return path.resolve() if path.is_symlink() and path.exists() else None

    def _link(self, name: str, tree: Path) -> None:
        draft = self.root / DRAFT
        draft.unlink(missing_ok=True)
        draft.symlink_to(Path(self.trees.name, tree.name))
        draft.replace(self.root / name)
        _sync_path(self.root)


def _sync(tree: Path, check: Callable[[], None]) -> None:
    """A machine that loses power keeps the whole tree, or no link to it. Agents of another user can read it, whatever
    the umask: nothing in it is secret."""
    for directory, _, files in os.walk(tree):
        for name in files:
            check()
            if not (path := Path(directory, name)).is_symlink():
                _open(path)
                _sync_path(path)
        _open(Path(directory))
        _sync_path(Path(directory))


def _open(*paths: Path) -> None:
    """To be read, and to be run or passed by whom it is not ours alone to do that."""
    for path in paths:
        mode = stat.S_IMODE(path.stat().st_mode)
        if (opened := mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6) != mode:
            path.chmod(opened)


def _sync_path(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
