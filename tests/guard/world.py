"""A server over the daemon's double, with the daemon's own token and as many others as a test wants."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from attrs import define, field

from sandbox_agent.schema.access.scopes import Scope
from sandbox_agent.schema.access.tokens import CreateTokenRequest
from sandbox_agent.schema.settings import Settings

from ..transport.door import Door
from ..transport.serving import Served, serving

OWN = "the-daemons-own-token"


@define
class World:
    door: Door
    served: Served
    _numbers: "itertools.count[int]" = field(factory=lambda: itertools.count(1))

    async def token(self, *scopes: Scope, session_id: str | None = None, expires_in: int | None = None) -> str:
        """The secret of a new one. The names are t1, t2, …"""
        request = CreateTokenRequest(f"t{next(self._numbers)}", scopes, session_id, expires_in)
        secret, _ = await self.door.tokens.create(request)
        return secret

    def client(self, token: str | None = OWN, **options: Any) -> httpx.AsyncClient:
        return self.served.client(token, **options)


@asynccontextmanager
async def world(settings: Settings | None = None, *sessions: str) -> AsyncGenerator[World]:
    """With a session ``s``, unless others are named."""
    door = Door(settings)
    for session in sessions or ("s",):
        door.session(session)
    async with serving(door, token=OWN) as served:
        yield World(door, served)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
