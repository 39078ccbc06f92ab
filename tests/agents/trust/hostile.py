"""A repository that wants to decide: what its files start leaves a mark."""

import json
import shlex
import stat
import subprocess
from pathlib import Path
from typing import Any

from ..daemon import Session, of_type
from ..sandbox import Sandbox


class Hostile:
    """``work`` is the repository. ``root``, where it lies, is not of it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.root, self.work = sandbox.home.parent, sandbox.work
        self._marks = self.root / "marks"
        self._marks.mkdir()
        subprocess.run(["git", "init", "-q", str(self.work)], check=True)

    def put(self, path: str, text: str, *, program: bool = False) -> Path:
        """A file of the repository."""
        file = self.work / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if program:
            file.chmod(file.stat().st_mode | stat.S_IXUSR)
        return file

    def outside(self, name: str, text: str) -> Path:
        """A file that is nobody's business."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def mark(self, name: str) -> str:
        """A command that tells that it ran."""
        return f"touch {shlex.quote(str(self._marks / name))}"

    def ran(self) -> set[str]:
        return {path.name for path in self._marks.iterdir()}


async def reject(session: Session, event: dict[str, Any]) -> None:
    """Nothing is allowed."""
    data = event["data"]
    if "permission_id" in data:
        await session.post(f"/permissions/{data['permission_id']}/reply", reply="reject")
    else:
        await session.post(f"/questions/{data['question_id']}/reject")


def workspace(session: Session) -> dict[str, Any]:
    """What the log says of it."""
    (started,) = of_type(session.events, "session.started")
    told: dict[str, Any] = started["data"]["metadata"]["workspace"]
    return told


def left_out(session: Session) -> set[tuple[str, str]]:
    return {(file["kind"], file["path"]) for file in workspace(session)["leftOut"]}


def module(hostile: Hostile, name: str, more: str = "") -> str:
    """A plugin for an agent that Bun runs: it marks that it was imported, and that it was called."""
    imported, called = (json.dumps(hostile.mark(mark)) for mark in (name, f"{name}-called"))
    run = 'require("child_process").execSync'
    return f"{run}({imported});\nexport default async (host) => {{ {run}({called}); {more} return {{}}; }};\n"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
