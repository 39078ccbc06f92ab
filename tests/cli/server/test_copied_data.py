"""A copy of a data directory has the original's journal id: its daemon must not take the original for dead."""

import os
import shutil
import stat
from pathlib import Path

import pytest

from ...actors.processes import nasty
from ..commands import Commands
from ..machine.test_no_orphans import ENV, let_loose, talk, until
from ..running import daemon


@pytest.mark.parametrize("cgroups", ["on", "off"])
def test_a_daemon_on_a_copy_leaves_the_originals_agents_alone_and_the_original_ends_its_own(
    commands: Commands, tmp_path: Path, cgroups: str
) -> None:
    pids = tmp_path / "pids"
    original, copy = tmp_path / "original", tmp_path / "copy"
    options = ("--data-dir", str(original), *(() if cgroups == "on" else ("--no-agent-cgroups",)))
    with daemon(commands, *options, env=ENV) as first:
        with talk(first) as client:
            let_loose(client, pids)
        there = nasty.survivors(pids)
        shutil.copytree(original, copy)
        with daemon(commands, *options[2:], "--data-dir", str(copy), env=ENV) as second:
            assert nasty.survivors(pids) == there
            with talk(second) as client:
                (session,) = client.get("/v1/sessions").json()["sessions"]
                assert session["sessionId"] == "s"
                client.post("/v1/sessions/s/messages/stream", json={"message": "echo on the copy"}).raise_for_status()
        assert nasty.survivors(pids) == there, "also when the copy's daemon stops"
        assert f"daemons=[{first.process.pid}]" in second.stderr
        first.process.kill()
        first.wait_ended()
    # The hang-up of its terminal may end the program itself, at its time, but not all that it let loose.
    assert set(nasty.survivors(pids)) & set(there), "nothing outlived the daemon: this test shows nothing"
    with daemon(commands, *options, env=ENV):
        assert nasty.survivors(pids) == []


def private_directories(temporary: Path) -> list[Path]:
    return [path for path in temporary.glob("sandbox-agent-*") if (path / "settings.json").exists()]


def test_the_private_directories_of_the_originals_agents_stay_too(commands: Commands, tmp_path: Path) -> None:
    """Amp has one. This stand-in for it is only there, and says nothing."""
    programs, temporary = tmp_path / "bin", tmp_path / "tmp"
    programs.mkdir()
    temporary.mkdir()
    amp = programs / "amp"
    amp.write_text("#!/bin/sh\nexec sleep 600\n")
    amp.chmod(0o755)
    env = ENV | {
        "PATH": f"{programs}:{os.environ['PATH']}",
        "AMP_API_KEY": "sgamp_of_the_test",
        "TMPDIR": str(temporary),
    }
    original, copy = tmp_path / "original", tmp_path / "copy"
    with daemon(commands, "--data-dir", str(original), env=env) as first:
        with talk(first) as client:
            client.post("/v1/sessions/a", json={"agent": "amp"}).raise_for_status()
        until(lambda: len(private_directories(temporary)) == 1)
        (directory,) = private_directories(temporary)
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        shutil.copytree(original, copy)
        with daemon(commands, "--data-dir", str(copy), env=env):
            assert private_directories(temporary) == [directory]
        first.process.kill()
        first.wait_ended()
    assert private_directories(temporary) == [directory]
    with daemon(commands, "--data-dir", str(original), env=env):
        assert private_directories(temporary) == []
