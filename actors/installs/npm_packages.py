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

from .platform import Platform


@frozen
class Package:
    """``natives`` are paths in ``node_modules``, the best first. ``size`` is about what it unpacks to, in bytes: the
    registry is not asked, because not every one tells."""

    name: str
    command: str
    natives: tuple[str, ...]
    size: int

    def paths(self, platform: Platform) -> list[str]:
        """Where a program may stand, for this platform. The wrapper comes last: old versions have nothing else."""
        words = {
            "machine": platform.machine,
            "libc": platform.libc,
            "baseline": platform.baseline,
            "target": platform.target,
        }
        return [native.format(**words) for native in self.natives] + [f".bin/{self.command}"]

    def program(self, modules: Path, platform: Platform) -> Path | None:
        """The program to run; None when there is none."""
        candidates = (modules / path for path in self.paths(platform))
        return next((path for path in candidates if path.is_file() and os.access(path, os.X_OK)), None)

    def is_wrapper(self, program: Path, modules: Path) -> bool:
        return program == modules / ".bin" / self.command


PACKAGES: Mapping[str, Package] = MappingProxyType(
    {
        "claude": Package(
            "@anthropic-ai/claude-code",
            "claude",
            ("@anthropic-ai/claude-code-linux-{machine}{libc}/claude",),
            246_000_000,
        ),
        "codex": Package(
            "@openai/codex",
            "codex",
            # codex-code-mode-host must stand beside it, and does.
            (
                "@openai/codex-linux-{machine}/vendor/{target}/bin/codex",
                "@openai/codex-linux-{machine}/vendor/{target}/codex/codex",
                "@openai/codex/vendor/{target}/codex/codex",
            ),
            423_000_000,
        ),
        "opencode": Package(
            "opencode-ai",
            "opencode",
            ("opencode-linux-{machine}{baseline}{libc}/bin/opencode", "opencode-linux-{machine}{libc}/bin/opencode"),
            371_000_000,
        ),
        "amp": Package(
            "@ampcode/cli",
            "amp",
            ("@ampcode/cli-linux-{machine}{libc}/amp", "@ampcode/cli-linux-{machine}/amp"),
            102_000_000,
        ),
    }
)


def drop_spare_builds(agent: str, modules: Path, program: Path) -> None:
    """npm brings OpenCode for x64 twice, with and without AVX2, 185 MB each: keep the one that runs."""
    if agent == "opencode":
        for package in modules.glob("opencode-linux-*"):
            if not program.is_relative_to(package):
                shutil.rmtree(package)
