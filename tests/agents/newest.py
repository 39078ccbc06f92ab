"""Run the conformance suite with what npm has at this moment: `python -m tests.agents.newest [tests…]`.

Prints what differs from the pinned versions: the versions, and the tests that fail. The agents go into a cache of their
own, each version beside the others; what is neither the newest nor pinned is removed from it.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from attrs import frozen

from sandbox_agent.actors.installs.npm_packages import PACKAGES
from sandbox_agent.actors.installs.versions import CURRENT, InstalledVersions
from sandbox_agent.schema.agents.definitions import PINNED

from .install import PREFIX_VARIABLE, ROOT, install

CACHE = ROOT / ".cache" / "agents-newest"

TESTS = ("tests/agents/conformance", "tests/agents/vocabulary")

NPM_LIMIT = 120  # seconds


@frozen
class Newest:
    """``tested`` differs from ``published`` where that cannot be installed here; ``reason`` says why."""

    agent: str
    pinned: str
    published: str
    tested: str
    reason: str = ""

    @property
    def line(self) -> str:
        if self.published == self.pinned:
            return f"{self.agent} {self.pinned}: the newest"
        if self.tested == self.published:
            return f"{self.agent} {self.pinned} -> {self.published}: NEW"
        return f"{self.agent} {self.pinned} -> {self.published}: not tested: {self.reason}"


@frozen
class Failed:
    test: str
    why: str

    @property
    def line(self) -> str:
        return f"FAILED {self.test}: {self.why}"


def published(agent: str, npm: str = "npm") -> str:
    """Raises when npm does not say it."""
    command = [npm, "view", PACKAGES[agent].npm.name, "version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=NPM_LIMIT, check=False)
    version = done.stdout.strip()
    if done.returncode or not version:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return version


def taken(agent: str) -> Newest:
    """Install the version that is published now; the pinned one where that has no program for this machine."""
    version, pinned = published(agent), PINNED[agent]
    try:
        install(agent, version, CACHE)
    except subprocess.CalledProcessError as failed:
        install(agent, pinned, CACHE)
        return Newest(agent, pinned, version, pinned, f"{failed.stderr or failed}".strip())
    return Newest(agent, pinned, version, version)


def clear(agent: str, keep: Sequence[str]) -> None:
    store = InstalledVersions(CACHE, agent)
    for entry in store.root.iterdir():
        if entry.is_symlink() and entry.name not in (*keep, CURRENT):
            entry.unlink()
    for tree in store.remains():
        shutil.rmtree(tree)


def tested(tests: Sequence[str]) -> list[Failed]:
    """Run them; what they print is shown as it comes."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place, "report.xml")
        command = [sys.executable, "-m", "pytest", "-m", "agents", f"--junitxml={report}", *tests]
        done = subprocess.run(command, cwd=ROOT, env={**os.environ, PREFIX_VARIABLE: str(CACHE)}, check=False)
        if done.returncode not in (0, 1):
            return [Failed("pytest", f"ended with {done.returncode}")]
        return failures(report.read_text())


def failures(report: str) -> list[Failed]:
    """Of a report in JUnit's format, as pytest writes it."""
    found: list[Failed] = []
    for case in ElementTree.fromstring(report).iter("testcase"):
        for kind in ("failure", "error"):
            if (fault := case.find(kind)) is not None:
                name = f"{case.get('classname', '').replace('.', '/')}.py::{case.get('name')}"
                found.append(Failed(name, _reason(fault.text or "") or fault.get("message", "")))
    return found


def _reason(trace: str) -> str:
    """The innermost exception: what pytest gives as the message is often the group that it came in."""
    lines = [line.lstrip("| ") for line in trace.splitlines()]
    raised = [line for line in lines if line.startswith(("AssertionError", "E   ")) or "Error: " in line]
    return raised[-1].removeprefix("E   ").strip()[:300] if raised else ""


def main(tests: Sequence[str]) -> int:
    agents = [taken(agent) for agent in PINNED]
    for each in agents:
        clear(each.agent, (each.tested, each.pinned))
    failed = tested(tests or TESTS)
    print("\n".join(["", "What differs from the pinned versions:", *(each.line for each in agents)]))
    print("\n".join(each.line for each in failed) or "No test fails.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
