"""Nothing in a directory of others is executed by us, however a module or a program there is named."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox_agent.actors.agents.catalog import Catalog
from sandbox_agent.actors.agents.credentials import Credentials
from sandbox_agent.actors.files.reader import ForeignFiles
from sandbox_agent.actors.machine.programs import program, python_module
from sandbox_agent.actors.processes.table import ProcessTable
from sandbox_agent.schema.settings import Settings

from ...patience import PATIENCE
from ..house import house

MODULES = ("json", "sitecustomize", "usercustomize", "trio", "re", "msgspec", "runpy", "sandbox_agent", "signal", "os")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A directory whose modules leave a file behind when they are imported."""
    directory = tmp_path / "repository"
    directory.mkdir()
    for name in MODULES:
        (directory / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write({name!r})\n")
    return directory


def executed(hostile: Path) -> str:
    file = hostile.parent / "executed"
    return file.read_text() if file.exists() else ""


def variables(directory: Path) -> dict[str, str]:
    return {
        "PYTHONPATH": f":.:{directory}",
        "PYTHONSTARTUP": str(directory / "json.py"),
        "PYTHONHOME": str(directory),
        "PYTHONUSERBASE": str(directory),
        "PYTHONINSPECT": "1",
    }


@pytest.mark.parametrize("with_variables", [False, True])
async def test_the_mock_agent_takes_no_code_from_its_directory(hostile: Path, with_variables: bool):
    async with house(variables(hostile) if with_variables else None) as h:
        log = await h.create(directory=str(hostile))
        events = await h.turn(log, "hello")
        assert events[-1]["data"]["metadata"]["outcome"] == "completed"
    assert executed(hostile) == ""


@pytest.mark.parametrize("with_variables", [False, True])
def test_the_daemon_of_a_demo_takes_no_code_from_where_the_user_stands(hostile: Path, with_variables: bool):
    home = hostile.parent / "home"
    home.mkdir()
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8"}
    # What starts the demo ignores these; an interpreter without -I would not start with such a PYTHONHOME at all.
    given = variables(hostile) if with_variables else {}
    start = (
        "import os, runpy, sys; os.environ.update(eval(sys.argv.pop(1))); runpy.run_module('sandbox_agent.cli.main')"
    )
    start = start.replace("'sandbox_agent.cli.main'", "'sandbox_agent.cli.main', run_name='__main__', alter_sys=True")
    done = subprocess.run(
        [sys.executable, "-I", "-c", start, repr(given), "demo"],
        cwd=hostile,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    assert "the daemon stopped cleanly" in done.stdout
    assert executed(hostile) == ""


def test_a_module_of_ours_gets_its_arguments_and_its_name():
    command = [*python_module("sandbox_agent.actors.mock"), "--nonsense"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
    assert "unknown arguments: ['--nonsense']" in done.stderr


@pytest.mark.parametrize("path", ["node_modules/.bin", ".", "", "./bin"])
async def test_no_agent_is_taken_from_a_folder_of_path_without_a_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
):
    """It would be looked for where the daemon stands, and then be run where the session works."""
    for name in ("codex", "npm"):
        file = tmp_path / path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("#!/bin/sh\n")
        file.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    environment = {"HOME": "/nonexistent", "PATH": f"{path}:/nonexistent/bin"}
    settings, files = Settings(data_dir="/nonexistent"), ForeignFiles(0)
    catalog = Catalog(environment, settings, ProcessTable(), Credentials(environment, settings, files), files)
    assert await catalog.find(catalog.definition("codex")) is None
    assert program("npm", environment) is None
    assert program("./npm", environment) is None
    absolute = str(tmp_path / path / "npm")
    assert program(absolute, environment) == absolute
