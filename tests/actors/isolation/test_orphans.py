"""Orphans that are faster than a look: told when nobody can say that they are gone, and tried again."""

import os
import resource
import subprocess
import sys
from unittest.mock import patch

import pytest

from sandbox_agent.actors.processes.fork_loops import LEAST_TAG, RLIMIT_LOCKS, end_fork_loops, new_tag, put_on

from ..house import events_of, house


async def test_an_escape_is_told_and_tried_again():
    async with house() as h:
        log = await h.create()
        await h.turn(log, "echo hello")
        with patch("sandbox_agent.actors.processes.tree.end_fork_loops", return_value=False):
            await h.daemon.terminate("s")
        (told,) = [event["data"] for event in events_of(log) if event["type"] == "error"]
        assert told["code"] == "end_unverified"
        assert "forks and exits" in told["message"]
        (problem,) = h.daemon.health().problems
        assert "could not be verified" in problem
        while h.daemon.health().problems:
            await h.daemon.census()


def test_a_tag_is_inherited_and_no_two_are_the_same():
    tags = {new_tag() for _ in range(100)}
    assert len(tags) == 100
    tag = tags.pop()
    assert tag is not None
    child = [sys.executable, "-c", "import resource; print(resource.getrlimit(10)[1])"]
    done = subprocess.run(child, env={}, preexec_fn=lambda: put_on(tag), capture_output=True, text=True, check=True)
    assert int(done.stdout) == tag


def test_where_ours_is_lower_there_is_none(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (0, LEAST_TAG))
    assert new_tag() is None


def test_only_children_with_the_tag_are_ended_at_once():
    assert resource.getrlimit(RLIMIT_LOCKS)[1] != LEAST_TAG
    sleeper = [sys.executable, "-c", "print(flush=True); import time; time.sleep(60)"]
    with (
        subprocess.Popen(sleeper, stdout=subprocess.PIPE, preexec_fn=lambda: put_on(LEAST_TAG)) as ours,
        subprocess.Popen(sleeper, stdout=subprocess.PIPE) as other,
    ):
        for child in (ours, other):
            assert child.stdout is not None
            child.stdout.readline()
        assert end_fork_loops(LEAST_TAG, 60)
        assert ours.wait() == -9
        assert os.waitpid(other.pid, os.WNOHANG) == (0, 0)
        other.kill()
