"""The npm source: the ordinary client installs the vendor's package, with its own configuration, registry and checks.

Install scripts do not run. The program is the native one from the package of this platform, see npm_packages.py.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import trio

from ...schema.redaction.redactor import Redactor
from ...schema.redaction.values import of_environment
from ...schema.settings import Settings
from ..machine.programs import program
from ..processes.command import run_command
from ..processes.table import ProcessTable
from .errors import InstallFailed, Report
from .npm_native import missing_native
from .npm_packages import PACKAGES, drop_spare_builds
from .platform import Platform

FLAGS = (
    "--ignore-scripts",
    "--include=optional",  # the native programs are optional dependencies
    "--no-global",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--loglevel=error",
    # Without a network npm's own defaults try for more than a minute before they say so.
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=500",
    "--fetch-retry-maxtimeout=2000",
)

SHOWN = 4000
"""Characters of npm's words that are told; the cause stands first."""

LOOK = 0.25
"""Seconds between two looks at how much npm has written; it tells nobody."""


class Npm:
    name = "npm"

    def __init__(self, program: str, environment: Mapping[str, str], table: ProcessTable, platform: Platform) -> None:
        self._program = program
        self._environment = environment
        self._table = table
        self._platform = platform

    def __repr__(self) -> str:
        return f"<Npm {self._program}>"

    @classmethod
    def found(
        cls, settings: Settings, environment: Mapping[str, str], table: ProcessTable, platform: Platform
    ) -> "Npm | None":
        """None when there is no npm, or it shall not be used."""
        found = program(settings.npm, environment) if settings.npm else None
        return None if found is None else cls(found, environment, table, platform)

    async def fetch(self, agent: str, version: str, tree: Path, report: Report) -> Path:
        """Fill the tree; returns the program in it."""
        package = PACKAGES[agent]
        report("downloading", 0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_measure, tree, package.npm.size, report)
            failure = await self._install(f"{package.npm.name}@{version}", tree)
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise InstallFailed(failure)
        modules = tree / "node_modules"
        program = await trio.to_thread.run_sync(package.program, modules, self._platform)
        if program is None:
            wanted, here = package.paths(self._platform)[0], self._platform.name
            raise InstallFailed(f"{package.npm.name}@{version} brought no program for {here}: no {wanted}")
        if package.is_wrapper(program, modules):
            missing = await trio.to_thread.run_sync(missing_native, package, modules, self._platform)
            if missing is not None:
                what = f"{package.npm.name}@{version} has no native program for {self._platform.name}"
                raise InstallFailed(f"{what}: {missing}")
        await trio.to_thread.run_sync(drop_spare_builds, package, modules, program)
        return program

    async def _install(self, package: str, tree: Path) -> str | None:
        """Why it failed; a nursery would wrap what it raised."""
        argv = (self._program, "install", "--prefix", str(tree), *FLAGS, package)
        try:
            done = await run_command(argv, self._environment, tree, tree.name, self._table)
        except OSError as error:
            return f"{self._program} cannot be run: {error}"
        if done.status == 0:
            return None
        said = Redactor(of_environment(self._environment)).text(f"{done.stderr}\n{done.stdout}".strip())
        return f"`npm install {package}` failed with status {done.status}: {said[:SHOWN]}"


async def _measure(tree: Path, size: int, report: Report) -> None:
    while True:
        await trio.sleep(LOOK)
        written = await trio.to_thread.run_sync(_size, tree)
        report("downloading", min(99, written * 100 // size))


def _size(tree: Path) -> int:
    total = 0
    for directory, _, files in os.walk(tree):
        for name in files:
            try:
                total += Path(directory, name).lstat().st_size
            except OSError:  # npm moves files while we look
                continue
    return total
