"""Where each vendor's own downloads are, and what it publishes about them. Every vendor publishes a SHA-256 somewhere:
a download without one is refused, because nobody could say what it is.

* Claude Code: ``<base>/<version>/manifest.json`` holds size and checksum by platform.
* Codex: ``codex-package_SHA256SUMS`` in the release, one line per archive.
* OpenCode: the release's description lists its files, each with ``digest`` and ``browser_download_url``.
* Amp: ``<base>/<version>/<platform>-amp.sha256`` beside the program.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Protocol, TypeVar

from attrs import frozen
from msgspec import Struct

from ...schema.settings import Settings
from .errors import InstallFailed
from .platform import Platform

T = TypeVar("T")

_SHA256 = re.compile(r"[0-9a-fA-F]{64}")


@frozen
class Artifact:
    """``program`` is its path in the archive, or the name that a bare program gets."""

    url: str
    sha256: str
    program: str
    archive: bool = False
    size: int | None = None


class Reader(Protocol):
    """Reads what a vendor publishes; fails as an install does."""

    async def text(self, url: str) -> str: ...

    async def json(self, url: str, kind: type[T]) -> T: ...


class _Build(Struct):
    checksum: str = ""
    size: int | None = None


class _Manifest(Struct):
    platforms: dict[str, _Build]


class _Asset(Struct):
    name: str
    browser_download_url: str
    digest: str | None = None
    size: int | None = None


class _Release(Struct):
    assets: list[_Asset]


async def _claude(read: Reader, settings: Settings, version: str, platform: Platform) -> Artifact:
    base = f"{settings.claude_download_url}/{version}"
    builds = (await read.json(f"{base}/manifest.json", _Manifest)).platforms
    build = builds.get(platform.name, _Build())
    checksum = _checksum(build.checksum, f"claude {version} for {platform.name}")
    return Artifact(f"{base}/{platform.name}/claude", checksum, "claude", size=build.size)


async def _codex(read: Reader, settings: Settings, version: str, platform: Platform) -> Artifact:
    base = f"{settings.codex_download_url}/rust-v{version}"
    archive = f"codex-package-{platform.target}.tar.gz"
    lines = (line.split() for line in (await read.text(f"{base}/codex-package_SHA256SUMS")).splitlines())
    sums = {words[1].lstrip("*"): words[0] for words in lines if len(words) == 2}
    return Artifact(f"{base}/{archive}", _checksum(sums.get(archive, ""), archive), "bin/codex", archive=True)


async def _opencode(read: Reader, settings: Settings, version: str, platform: Platform) -> Artifact:
    release = await read.json(f"{settings.opencode_download_url}/v{version}", _Release)
    name = f"opencode-linux-{platform.machine}{platform.baseline}{platform.libc}.tar.gz"
    asset = next((asset for asset in release.assets if asset.name == name), _Asset(name, ""))
    checksum = _checksum((asset.digest or "").removeprefix("sha256:"), name)
    return Artifact(asset.browser_download_url, checksum, "opencode", archive=True, size=asset.size)


async def _amp(read: Reader, settings: Settings, version: str, platform: Platform) -> Artifact:
    base = f"{settings.amp_download_url}/{version}"
    name = f"linux-{platform.machine}{platform.baseline}"
    published = (await read.text(f"{base}/{name}-amp.sha256")).split()
    return Artifact(f"{base}/amp-{name}", _checksum(published[0] if published else "", name), "amp")


def _checksum(text: str, name: str) -> str:
    if not _SHA256.fullmatch(text):
        raise InstallFailed(f"the vendor publishes no SHA-256 of {name}, so it is not installed")
    return text.lower()


Locate = Callable[[Reader, Settings, str, Platform], Awaitable[Artifact]]

VENDORS: Mapping[str, Locate] = MappingProxyType(
    {"claude": _claude, "codex": _codex, "opencode": _opencode, "amp": _amp}
)
