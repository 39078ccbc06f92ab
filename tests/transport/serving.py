"""The real server on a free loopback port, for as long as a test needs it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import trio
from attrs import define

from sandbox_agent.transport.guard.auth import Auth
from sandbox_agent.transport.guard.cors import Cors
from sandbox_agent.transport.guard.host_names import AllowedHosts
from sandbox_agent.transport.listening.prover import Prover
from sandbox_agent.transport.listening.tls import Certificates
from sandbox_agent.transport.server import serve_daemon

from ..patience import PATIENCE

LIMIT = PATIENCE
"""Seconds that any one test may take."""


@define
class Served:
    url: str
    stop: trio.Event
    nursery: trio.Nursery

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2].partition("/")[0])

    def client(self, token: str | None = None, **options: Any) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=LIMIT, trust_env=False, **options)

    async def connect(self) -> trio.SocketStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)


@asynccontextmanager
async def serving(
    daemon: Any,
    *,
    token: str | None = None,
    cors: Cors | None = None,
    host: str = "127.0.0.1",
    allowed_hosts: AllowedHosts | None = None,
    certificates: Certificates | None = None,
    prover: Prover | None = None,
) -> AsyncGenerator[Served]:
    """A failure in the server fails the test. Leaving cancels the server: nothing here waits for a client."""
    stop = trio.Event()
    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            serve = partial(
                serve_daemon,
                daemon,
                host=host,
                port=0,
                auth=Auth(token),
                cors=cors or Cors(),
                allowed_hosts=allowed_hosts,
                stop=stop,
                certificates=certificates,
                prover=prover,
            )
            urls = await nursery.start(serve)
            yield Served(urls[0], stop, nursery)
            nursery.cancel_scope.cancel()
