"""The download source, for machines without npm: the vendor's own build, checked against the vendor's SHA-256."""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import aclosing, contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TypeVar, cast

import httpx
import msgspec
import trio

from ...schema.json_text import BAD_JSON
from ...schema.settings import Settings
from .archive import EXECUTABLE, unpack
from .errors import InstallFailed, Report
from .platform import Platform
from .vendors import Artifact, locate

T = TypeVar("T")

CHUNK = 1 << 20
CONNECT_TIMEOUT = 10.0
"""Seconds: without a network the caller is told soon."""

MAX_DOCUMENT = 4 << 20
"""Bytes of a manifest."""


class Download:
    name = "download"

    def __init__(self, settings: Settings, platform: Platform) -> None:
        self._settings = settings
        self._platform = platform

    def __repr__(self) -> str:
        return f"<Download {self._platform.name}>"

    async def fetch(self, agent: str, version: str, tree: Path, report: Report) -> Path:
        """Fill the tree; returns the program in it."""
        report("downloading", 0)
        timeout = httpx.Timeout(self._settings.download_timeout or None, connect=CONNECT_TIMEOUT)
        async with httpx.AsyncClient(timeout=timeout, follow_redirects=True) as http:
            artifact = await locate(agent, _Documents(http), self._settings, version, self._platform)
            arrived = tree / "arrived"
            with _told(artifact.url):
                await self._receive(http, artifact, arrived, report)
        program = tree / artifact.program
        if artifact.archive:
            report("unpacking", None)
            await trio.to_thread.run_sync(
                unpack, arrived, tree, self._settings.max_install_bytes, trio.from_thread.check_cancelled
            )
            await trio.Path(arrived).unlink()
        else:
            await trio.Path(arrived).rename(program)
            await trio.Path(program).chmod(EXECUTABLE)
        if not await trio.Path(program).is_file():
            raise InstallFailed(f"{artifact.url} holds no {artifact.program}")
        return program

    async def _receive(self, http: httpx.AsyncClient, artifact: Artifact, target: Path, report: Report) -> None:
        digest, received = hashlib.sha256(), 0
        # Stored as sent: bytes that a proxy compressed would have another checksum.
        async with http.stream("GET", artifact.url, headers={"Accept-Encoding": "identity"}) as response:
            _require_success(response)
            length = response.headers.get("Content-Length", "")
            size = artifact.size or (int(length) if length.isdigit() else None)
            async with await trio.open_file(target, "xb") as file, _closing(response.aiter_raw(CHUNK)) as chunks:
                async for chunk in chunks:
                    received += len(chunk)
                    if received > self._settings.max_install_bytes:
                        raise InstallFailed(f"{artifact.url} is larger than {self._settings.max_install_bytes} bytes")
                    await trio.to_thread.run_sync(digest.update, chunk)
                    await file.write(chunk)
                    report("downloading", min(99, received * 100 // size) if size else None)
        if digest.hexdigest() != artifact.sha256:
            raise InstallFailed(
                f"{artifact.url} has the SHA-256 {digest.hexdigest()} ({received} bytes);"
                f" its vendor publishes {artifact.sha256}"
            )


class _Documents:
    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def text(self, url: str) -> str:
        body = bytearray()
        with _told(url):
            async with self._http.stream("GET", url) as response:
                _require_success(response)
                async with _closing(response.aiter_bytes()) as chunks:
                    async for chunk in chunks:
                        body += chunk
                        if len(body) > MAX_DOCUMENT:
                            raise InstallFailed(f"{url} is larger than {MAX_DOCUMENT} bytes")
        return body.decode(errors="replace")

    async def json(self, url: str, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(await self.text(url), type=kind)
        except BAD_JSON as error:
            raise InstallFailed(f"{url} is not what its vendor used to publish: {error}") from error


def _closing(chunks: AsyncIterator[bytes]) -> aclosing[AsyncGenerator[bytes]]:
    """httpx's iterators are generators: one that is left in the middle is closed now, not by the garbage collector."""
    return aclosing(cast("AsyncGenerator[bytes]", chunks))


def _require_success(response: httpx.Response) -> None:
    if response.status_code == HTTPStatus.NOT_FOUND:
        raise InstallFailed(f"{response.url} is not there (404): no such version, or none for this platform")
    if not response.is_success:
        raise InstallFailed(f"{response.url} answered {response.status_code} {response.reason_phrase}")


@contextmanager
def _told(url: str) -> Generator[None]:
    """What httpx says, as the reason why an install failed."""
    try:
        yield
    except httpx.TimeoutException as error:
        raise InstallFailed(f"{url} did not answer in time: {error or type(error).__name__}") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise InstallFailed(f"{url} cannot be had: {error or type(error).__name__}") from error
