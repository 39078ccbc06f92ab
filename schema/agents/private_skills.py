"""The skills of a project as files of our own, for an agent that must not read those of the project."""

import re
from collections.abc import Sequence

from ..workspace.project import ProjectSkill
from ..workspace.skill import read_skill, write_skill
from .dialect import PrivateFile

_UNFIT = re.compile(r"[^A-Za-z0-9_-]")


def folder(name: str) -> str:
    """Among the private files."""
    return f"skills/{name}"


def skill_files(skills: Sequence[ProjectSkill], name: str) -> dict[str, tuple[str, PrivateFile]]:
    """By the path of the project's file: where ours is among the private files, and what it says. It is in a folder of
    the skill's own name, as agents want it."""
    files: dict[str, tuple[str, PrivateFile]] = {}
    for number, skill in enumerate(skills, 1):
        own = _UNFIT.sub("-", skill.name)[:64]
        text = write_skill(own, skill.directory, read_skill(skill.text))
        path = f"{folder(name)}/{number}/{own}/SKILL.md"
        files[f"{skill.directory}/SKILL.md"] = path, PrivateFile(text.encode(errors="replace"))
    return files
