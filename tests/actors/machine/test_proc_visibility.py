"""What /proc shows of this machine is found out, not assumed."""

import os
from pathlib import Path

import pytest

from sandbox_agent.actors.machine.proc_visibility import ProcNotVisible, look
from sandbox_agent.actors.machine.process_rows import read_all
from sandbox_agent.actors.processes.table import ProcessTable

from .exhaustion import no_descriptors


def a_proc(tmp_path: Path, me: int) -> Path:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "stat").touch()
    (tmp_path / str(me)).mkdir(exist_ok=True)
    (tmp_path / "self").symlink_to(str(me))
    return tmp_path


def test_the_proc_of_this_machine_is_seen(tmp_path: Path) -> None:
    assert not look().blind
    assert os.getpid() in {row.id.pid for row in read_all()}
    assert look(str(a_proc(tmp_path, os.getpid()))).trouble == ""


async def test_none_is_no_machine_without_processes(tmp_path: Path) -> None:
    assert look(str(tmp_path)).blind
    assert "not mounted" in look(str(tmp_path)).trouble
    with pytest.raises(ProcNotVisible, match="not mounted"):
        await ProcessTable(proc=str(tmp_path)).rows()


async def test_that_of_another_namespace_is_not_believed(tmp_path: Path) -> None:
    """Its pids are other processes' here: a signal would hit a stranger."""
    proc = a_proc(tmp_path, os.getpid() + 1)
    assert f"{os.getpid() + 1} for our pid {os.getpid()}" in look(str(proc)).trouble
    table = ProcessTable(proc=str(proc))
    with pytest.raises(ProcNotVisible, match="another pid namespace"):
        await table.rows()
    assert table.identify(os.getpid()).started == 0


async def test_hidden_processes_are_told_and_the_others_are_believed(tmp_path: Path) -> None:
    proc = a_proc(tmp_path, os.getpid())
    (proc / "1" / "stat").unlink()
    assert "hidepid" in look(str(proc)).trouble
    assert not look(str(proc)).blind
    assert await ProcessTable(proc=str(proc)).rows() == []


def test_without_descriptors_nothing_is_said_about_it() -> None:
    """An empty table would say that every tree is gone."""
    with no_descriptors():
        with pytest.raises(OSError, match="Too many open files"):
            look()
        with pytest.raises(OSError, match="Too many open files"):
            read_all()
