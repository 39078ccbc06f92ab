"""What every test of a real agent starts with."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ..models.amp import AmpServer, amp_server
from ..models.server import ModelServer, model_server
from .daemon import RunningDaemon, running_daemon
from .sandbox import Sandbox


@pytest.fixture
async def models() -> AsyncIterator[ModelServer]:
    async with model_server() as server:
        yield server


@pytest.fixture
async def sandbox(tmp_path: Path, models: ModelServer) -> Sandbox:
    return Sandbox.make(tmp_path, models.url)


@pytest.fixture
async def daemon(sandbox: Sandbox) -> AsyncIterator[RunningDaemon]:
    async with running_daemon(sandbox) as running:
        yield running


@pytest.fixture
async def amps(sandbox: Sandbox) -> AsyncIterator[AmpServer]:
    """An Amp server that the sandbox's amp finds."""
    async with amp_server() as server:
        sandbox.environment.update(AMP_URL=server.url, AMP_API_KEY="sgamp_fake-key-for-tests")
        yield server


@pytest.fixture
async def amp_daemon(sandbox: Sandbox, amps: AmpServer) -> AsyncIterator[RunningDaemon]:
    async with running_daemon(sandbox) as running:
        yield running
