"""How an agent's program is had: what is told of its npm package, and of its vendor's own downloads.

In the texts ``{machine}``, ``{libc}``, ``{baseline}``, ``{target}`` and ``{platform}`` stand for the machine, in the
words in which vendors name their builds (``actors/installs/platform.py``), and ``{version}`` for the version.
"""

from typing import Literal

from attrs import frozen


@frozen
class NpmPackage:
    """``natives`` are where the program stands in ``node_modules``, the best first. ``size`` is about what it unpacks
    to, in bytes: the registry is not asked, because not every one tells. ``spare`` is a pattern of packages that npm
    brings beside the one that runs, and that are taken away again."""

    name: str
    natives: tuple[str, ...]
    size: int
    spare: str | None = None


@frozen
class VendorDownload:
    """``release`` is the folder of a version below the address that the setting ``<agent>_download_url`` names, and
    ``file`` is the build in it. ``published`` is where its SHA-256 stands, in the form that ``checksums`` names
    (``actors/installs/vendors.py``). ``build`` is how the vendor calls the build there. ``program`` is its path in the
    archive, or the name that a bare program gets."""

    release: str
    build: str
    file: str
    published: str
    checksums: Literal["manifest", "lines", "release", "beside"]
    program: str
    archive: bool = False
