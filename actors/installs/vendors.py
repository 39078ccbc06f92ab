"""Where each vendor's own downloads are, and what it publishes about them. Every vendor publishes a SHA-256 somewhere:
a download without one is refused, because nobody could say what it is.

The agents' definitions say where (``VendorDownload``); here are the forms in which vendors publish:

* ``manifest``: a JSON document holds size and checksum by platform.
* ``lines``: a file has one line per archive, its checksum and its name.
* ``release``: the release's description lists its files, each with ``digest`` and ``browser_download_url``.
* ``beside``: a file beside the program begins with its checksum.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Protocol, TypeVar

from attrs import frozen
from msgspec import Struct

from ...schema.agents.definitions import BY_ID
from ...schema.agents.packages import VendorDownload
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


class _Assets(Struct):
    assets: list[_Asset]


@frozen
class _Release:
    """A version of an agent, at its vendor's, for this machine."""

    agent: str
    version: str
    platform: Platform
    download: VendorDownload
    url: str

    def named(self, text: str) -> str:
        return self.platform.named(text, self.version)

    @property
    def build(self) -> str:
        return self.named(self.download.build)

    def file(self, name: str) -> str:
        return f"{self.url}/{self.named(name)}"

    def artifact(self, sha256: str, url: str | None = None, size: int | None = None) -> Artifact:
        download = self.download
        url = self.file(download.file) if url is None else url
        return Artifact(url, sha256, download.program, archive=download.archive, size=size)


async def _manifest(read: Reader, release: _Release) -> Artifact:
    builds = (await read.json(release.file(release.download.published), _Manifest)).platforms
    build = builds.get(release.build, _Build())
    what = f"{release.agent} {release.version} for {release.build}"
    return release.artifact(_checksum(build.checksum, what), size=build.size)


async def _lines(read: Reader, release: _Release) -> Artifact:
    lines = (line.split() for line in (await read.text(release.file(release.download.published))).splitlines())
    sums = {words[1].lstrip("*"): words[0] for words in lines if len(words) == 2}
    return release.artifact(_checksum(sums.get(release.build, ""), release.build))


async def _described(read: Reader, release: _Release) -> Artifact:
    assets = (await read.json(release.url, _Assets)).assets
    asset = next((asset for asset in assets if asset.name == release.build), _Asset(release.build, ""))
    checksum = _checksum((asset.digest or "").removeprefix("sha256:"), release.build)
    return release.artifact(checksum, asset.browser_download_url, asset.size)


async def _beside(read: Reader, release: _Release) -> Artifact:
    published = (await read.text(release.file(release.download.published))).split()
    return release.artifact(_checksum(published[0] if published else "", release.build))


def _checksum(text: str, name: str) -> str:
    if not _SHA256.fullmatch(text):
        raise InstallFailed(f"the vendor publishes no SHA-256 of {name}, so it is not installed")
    return text.lower()


_FORMS: Mapping[str, Callable[[Reader, _Release], Awaitable[Artifact]]] = MappingProxyType(
    {"manifest": _manifest, "lines": _lines, "release": _described, "beside": _beside}
)


async def locate(agent: str, read: Reader, settings: Settings, version: str, platform: Platform) -> Artifact:
    """Where the agent's build for this machine is. Raises :class:`InstallFailed` when its vendor does not tell."""
    download = BY_ID[agent].download
    if download is None:
        raise InstallFailed(f"the vendor of {agent} has no downloads")
    base: str = getattr(settings, f"{agent}_download_url")
    url = f"{base}/{platform.named(download.release, version)}"
    return await _FORMS[download.checksums](read, _Release(agent, version, platform, download, url))
