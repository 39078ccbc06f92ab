"""The real Amp without the daemon: what the daemon's own checks keep from happening there."""

from pathlib import Path

import pytest
from attrs import evolve

from sandbox_agent.schema.agents.amp.dialect import Amp
from sandbox_agent.schema.agents.dialect import AgentSpec, Hook

from ...models.amp import AmpServer
from ..driver import driving, outcome
from ..sandbox import Sandbox

pytestmark = pytest.mark.agents


async def test_a_login_that_waits_for_a_browser_is_an_error_at_once(sandbox: Sandbox, amps: AmpServer):
    del sandbox.environment["AMP_API_KEY"]

    def make(spec: AgentSpec) -> Amp:
        dialect = Amp(evolve(spec, hook=Hook(str(sandbox.home), ("false",))))
        for name, file in dialect.launch().files.items():
            Path(sandbox.home, name).write_bytes(file.content)
        return dialect

    async with driving(make, sandbox, executable=("amp",)) as driver:
        turn = await driver.turn("SCN_HELLO")
        assert outcome(turn) == "failed"
        assert [event.data.code for event in turn if event.type == "error"] == ["login_required"]
        assert "over" in repr(driver.dialect)
        assert driver.status is None, "it would wait for minutes"
    assert not [event for event in driver.events if event.type == "agent.unparsed"]
