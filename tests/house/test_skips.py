"""A skip that CI cannot see is a test that nobody runs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..patience import PATIENCE
from .checkout import ROOT

SKIPPING = """
import pytest

def test_passes() -> None:
    pass

def test_skips() -> None:
    pytest.skip("no reason")
"""


@pytest.mark.parametrize(
    ("forbidden", "status", "summary"), [("0", 0, "1 passed, 1 skipped"), ("1", 1, "1 failed, 1 passed")]
)
def test_a_skip_fails_where_skips_are_forbidden(tmp_path: Path, forbidden: str, status: int, summary: str) -> None:
    assert_outcome(tmp_path, SKIPPING, forbidden, status, summary)


def test_a_module_that_skips_itself_fails_too(tmp_path: Path) -> None:
    module = 'import pytest\npytest.importorskip("no_such_module_anywhere")\n'
    assert_outcome(tmp_path, module, "1", 2, "1 error")


def assert_outcome(tmp_path: Path, module: str, forbidden: str, status: int, summary: str) -> None:
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    (tmp_path / "test_sample.py").write_text(module)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path],
        # The plugins that are installed take longer to load than these tests to run.
        env=os.environ | {"SANDBOX_AGENT_FORBID_SKIPS": forbidden, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert summary in done.stdout.splitlines()[-1], done.stdout
    assert done.returncode == status
