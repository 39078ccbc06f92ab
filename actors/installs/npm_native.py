"""Why a package's wrapper cannot run: its version has native programs, and npm brought none for this platform.

npm says nothing of it: packages for a platform are optional, and one that is not there is left out in silence.
"""

import json
from pathlib import Path

from ...schema.agents.json_lines import members
from ...schema.foreign.not_readable import NotReadable
from ..files.foreign_file import read_file
from .npm_packages import Package
from .platform import Platform

MAX_DESCRIPTION = 256 << 10
"""Bytes of a package.json."""


def missing_native(package: Package, modules: Path, platform: Platform) -> str | None:
    """The reason; None where the package names no native programs at all, as old versions do not."""
    try:
        described = json.loads(read_file(modules / package.npm.name / "package.json", MAX_DESCRIPTION) or b"{}")
    except (OSError, ValueError, NotReadable, RecursionError):
        return None
    declared = members(members(described).get("optionalDependencies"))
    family = package.npm.natives[0].partition("linux-")[0]
    builds = sorted(name for name in declared if name.startswith(family))
    if not builds:
        return None
    wanted = [_package_of(path) for path in package.paths(platform)[:-1]]
    if found := next((name for name in wanted if name in builds), None):
        return f"npm brought no {found}@{declared[found]}; its registry may not have it (yet)"
    return f"it is made for {', '.join(name.removeprefix(family) for name in builds)}"


def _package_of(path: str) -> str:
    """``@scope/name/…`` or ``name/…``."""
    parts = path.split("/")
    return "/".join(parts[:2] if path.startswith("@") else parts[:1])
