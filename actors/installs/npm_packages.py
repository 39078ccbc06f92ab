"""What the agents' npm packages are made of: where the program that really runs stands in them.

A package's own command is a wrapper in JavaScript, or a stub that the package's install script would replace. The
script does not run here; the native program comes in a package of the platform.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from attrs import frozen

from ...schema.agents.definitions import DEFINITIONS
from ...schema.agents.packages import NpmPackage
from .platform import Platform


@frozen
class Package:
    """An agent's package. ``command`` is the name of its wrapper."""

    command: str
    npm: NpmPackage

    def paths(self, platform: Platform) -> list[str]:
        """Where a program may stand, for this platform. The wrapper comes last: old versions have nothing else."""
        return [platform.named(native) for native in self.npm.natives] + [f".bin/{self.command}"]

    def program(self, modules: Path, platform: Platform) -> Path | None:
        """The program to run; None when there is none."""
        candidates = (modules / path for path in self.paths(platform))
        return next((path for path in candidates if path.is_file() and os.access(path, os.X_OK)), None)

    def is_wrapper(self, program: Path, modules: Path) -> bool:
        return program == modules / ".bin" / self.command


PACKAGES: Mapping[str, Package] = MappingProxyType(
    {each.id: Package(each.executable, each.npm) for each in DEFINITIONS if each.npm and each.executable}
)


def drop_spare_builds(package: Package, modules: Path, program: Path) -> None:
    """Keep the one that runs."""
    for spare in modules.glob(package.npm.spare) if package.npm.spare else ():
        if not program.is_relative_to(spare):
            shutil.rmtree(spare)
