"""A vendor on loopback: the files that it offers, and every way in which it can offer them badly."""

import hashlib
import io
import json
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import h11
import trio
from attrs import define, field

from sandbox_agent.actors.installs.platform import this_platform

from ...models.http import Request, Response, serve_connection
from .world import PROGRAM


def program(version: str) -> bytes:
    return PROGRAM.replace("VERSION", version).encode()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def archive(*members: tuple[str, bytes], mode: int = 0o755) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), mode
            tar.addfile(member, io.BytesIO(data))
    return packed.getvalue()


@define
class Vendor:
    """``files`` are what it answers by path; any other path is a 404."""

    url: str
    files: dict[str, bytes] = field(factory=dict)
    redirects: dict[str, str] = field(factory=dict)
    truncate: set[str] = field(factory=set)
    status: int = 200
    asked: list[str] = field(factory=list)
    stall: trio.Event | None = None

    def handle(self, request: Request) -> Response:
        self.asked.append(request.path)
        if request.path in self.redirects:
            return Response(302, {"location": self.redirects[request.path]}, b"")
        data = self.files.get(request.path)
        if data is None or self.status != 200:
            return Response(self.status if self.status != 200 else 404, {}, b"no")
        if request.path in self.truncate:
            return Response(200, {"content-length": str(len(data))}, self._half(data))
        return Response(200, {}, data)

    async def _half(self, data: bytes) -> AsyncIterator[bytes]:
        yield data[: len(data) // 2]
        if self.stall is not None:
            await self.stall.wait()

    def claude(self, version: str, data: bytes | None = None, checksum: str | None = None) -> str:
        """Offers a release; returns the program's path."""
        data = program(version) if data is None else data
        checksum = sha256(data) if checksum is None else checksum
        path, name = f"/{version}/{this_platform().name}/claude", this_platform().name
        manifest = {"version": version, "platforms": {name: {"checksum": checksum, "size": len(data)}}}
        self.files |= {f"/{version}/manifest.json": json.dumps(manifest).encode(), path: data}
        return path

    def codex(self, version: str, packed: bytes) -> str:
        base, name = f"/rust-v{version}", f"codex-package-{this_platform().target}.tar.gz"
        sums = f"{'0' * 64}  another-package.tar.gz\n{sha256(packed)}  {name}\n"
        self.files |= {f"{base}/codex-package_SHA256SUMS": sums.encode(), f"{base}/{name}": packed}
        return f"{base}/{name}"

    def opencode(self, version: str, packed: bytes, digest: str | None) -> None:
        """The release's description points to a file elsewhere, which in turn is a redirect."""
        here = this_platform()
        name = f"opencode-linux-{here.machine}{here.baseline}{here.libc}.tar.gz"
        asset = {"name": name, "browser_download_url": f"{self.url}/moved", "digest": digest, "size": len(packed)}
        self.files |= {f"/v{version}": json.dumps({"assets": [asset]}).encode(), "/packed": packed}
        self.redirects["/moved"] = f"{self.url}/packed"

    def amp(self, version: str, data: bytes, checksum: str) -> None:
        here = this_platform()
        name = f"linux-{here.machine}{here.baseline}"
        self.files |= {f"/{version}/{name}-amp.sha256": checksum.encode(), f"/{version}/amp-{name}": data}


@asynccontextmanager
async def vendor() -> AsyncIterator[Vendor]:
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        port = listener.socket.getsockname()[1]
        offered = Vendor(f"http://127.0.0.1:{port}")

        async def serve(stream: trio.SocketStream) -> None:
            with suppress(h11.LocalProtocolError):  # an answer that is shorter than it promised
                await serve_connection(stream, offered.handle)

        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield offered
        nursery.cancel_scope.cancel()
