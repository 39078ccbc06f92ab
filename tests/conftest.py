"""House rules for every test."""

import os
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

# A limit by the clock fails on a busy machine, and proves nothing.
settings.register_profile("untimed", deadline=None, suppress_health_check=(HealthCheck.too_slow,))
settings.load_profile("untimed")

FORBID_SKIPS = "SANDBOX_AGENT_FORBID_SKIPS"


@pytest.fixture(scope="session", autouse=True)
def private_state(tmp_path_factory: pytest.TempPathFactory) -> Generator[None]:
    """What agents of a daemon in this process keep does not go into the home of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


def _forbid(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and os.environ.get(FORBID_SKIPS) == "1":
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} was skipped, and {FORBID_SKIPS}=1: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _forbid(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _forbid(report)
    return report
