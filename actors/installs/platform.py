"""The machine, in the words in which vendors name their builds."""

import os
import platform
from functools import cache
from pathlib import Path

from attrs import frozen

from .errors import InstallFailed

_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


@frozen
class Platform:
    """``machine`` is x64 or arm64. ``avx2`` is meant for x64: builds are made with and without it."""

    machine: str
    musl: bool = False
    avx2: bool = True

    @property
    def name(self) -> str:
        """As most vendors have it: linux-x64, linux-arm64-musl."""
        return f"linux-{self.machine}{self.libc}"

    def named(self, text: str, version: str = "") -> str:
        """What a vendor's name for a build, as the agents' definitions tell it, is for this machine."""
        return text.format(
            version=version,
            platform=self.name,
            machine=self.machine,
            libc=self.libc,
            baseline=self.baseline,
            target=self.target,
        )

    @property
    def libc(self) -> str:
        return "-musl" if self.musl else ""

    @property
    def baseline(self) -> str:
        """What the builds for an x64 machine without AVX2 are called; they run on any."""
        return "-baseline" if self.machine == "x64" and not self.avx2 else ""

    @property
    def target(self) -> str:
        """As Rust names it; such programs are linked statically, so it is musl everywhere."""
        return {"x64": "x86_64", "arm64": "aarch64"}[self.machine] + "-unknown-linux-musl"


@cache
def this_platform() -> Platform:
    """Raises :class:`InstallFailed` where no vendor builds for."""
    system, machine = platform.system().lower(), platform.machine().lower()
    if system != "linux" or machine not in _MACHINES:
        raise InstallFailed(f"there are no agents for {system} on {machine}")
    return Platform(_MACHINES[machine], _is_musl(), _has_avx2())


def _is_musl() -> bool:
    """The loader alone is no sign: Debian's package ``musl`` puts it beside glibc."""
    try:
        glibc = os.confstr("CS_GNU_LIBC_VERSION")
    except (OSError, ValueError):
        glibc = None
    return not glibc and any(Path("/lib").glob("ld-musl-*.so.1"))


def _has_avx2() -> bool:
    try:
        return " avx2" in Path("/proc/cpuinfo").read_text()
    except OSError:
        return True
