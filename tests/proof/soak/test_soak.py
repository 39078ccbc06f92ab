"""`make soak`: what a daemon uses stays flat, and no promise is broken, however long it is at work."""

import os
from pathlib import Path

import pytest

from .soak import Soak

SECONDS = float(os.environ.get("SANDBOX_AGENT_SOAK_SECONDS", "3600"))

LONGEST_WARM_UP = 600.0


@pytest.mark.soak
async def test_a_daemon_at_work_stays_as_it_is(tmp_path: Path):
    seed = int.from_bytes(os.urandom(4))
    print(f"seed {seed}")
    soak = Soak(tmp_path, seed, SECONDS, min(LONGEST_WARM_UP, SECONDS / 3), max(1.0, SECONDS / 600))
    report = await soak.run()
    print(report)
    assert not report.broken, report
    assert all(trend.flat for trend in report.trends), report
