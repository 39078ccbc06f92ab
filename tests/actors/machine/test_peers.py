"""Who a process comes from, as the hooks' socket asks it."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from sandbox_agent.actors.machine.peers import descends_from

FAMILY = """
import os, subprocess, sys
inner = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], stdin=0, stdout=subprocess.PIPE,
                         start_new_session=True, env={})
inner.stdout.readline()
print(inner.pid, flush=True)
inner.wait()
"""


@contextmanager
def family() -> Generator[tuple[int, int]]:
    """A child, and its own child, which has cleared its environment and left the session."""
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as child:
        try:
            yield child.pid, int(cast("IO[bytes]", child.stdout).readline())
        finally:
            cast("IO[bytes]", child.stdin).close()


def test_a_descendant_is_known_whatever_it_did_to_its_environment_and_its_session() -> None:
    with family() as (child, grandchild):
        assert descends_from(child, child)
        assert descends_from(grandchild, child)


def test_a_stranger_is_known_as_none() -> None:
    with family() as (child, grandchild), family() as (other, other_grandchild):
        for stranger in (os.getpid(), other, other_grandchild, 1, 0, -1, 1 << 30):
            assert not descends_from(stranger, child)
        assert not descends_from(child, grandchild)


def test_where_proc_does_not_tell_the_session_does(tmp_path: Path) -> None:
    with family() as (child, grandchild), family() as (other, _):
        assert descends_from(child, child, str(tmp_path))
        assert not descends_from(other, child, str(tmp_path))
        assert not descends_from(grandchild, child, str(tmp_path))  # it has left: nothing tells
