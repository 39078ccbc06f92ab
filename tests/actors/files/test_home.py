"""One idea of home, and never below the current directory."""

import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from sandbox_agent.actors.agents.credential_files import places_of
from sandbox_agent.actors.files.data_directory import data_directory
from sandbox_agent.actors.files.home import Home, NoHome, base_directory, settled
from sandbox_agent.schema.agents.amp.definition import user_files
from sandbox_agent.schema.settings import Settings

KNOWN = "/home/of-passwd"


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: SimpleNamespace(pw_dir=KNOWN))


@pytest.fixture
def unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", fail)


def temporary(tmp_path: Path) -> Path:
    return tmp_path / f"sandbox-agent-home-{os.geteuid()}"


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("said", [{}, {"HOME": ""}, {"HOME": "relative"}, {"HOME": "~"}])
def test_without_a_home_that_is_one_it_is_that_of_passwd(said: dict[str, str]):
    assert Home.find(said) == Home(Path(KNOWN), "passwd")
    assert settled(said) == {"HOME": KNOWN}
    assert data_directory(Settings(), said) == Path(KNOWN, ".local/share/sandbox-agent")
    assert places_of(said).own_codex_login == f"{KNOWN}/.codex/auth.json"


@pytest.mark.usefixtures("known")
def test_home_comes_first():
    assert Home.find({"HOME": "/root-of-all"}) == Home(Path("/root-of-all"), "HOME")
    assert Home.find({"HOME": "/"}).path == Path("/")


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("relative", ["", "relative", "./relative", "~/.local"])
def test_a_relative_xdg_directory_is_not_used_and_no_agent_gets_it(relative: str):
    environment = {
        "HOME": "/h",
        "XDG_STATE_HOME": relative,
        "XDG_DATA_HOME": relative,
        "CODEX_HOME": relative,
        "A": "a",
    }
    assert base_directory(environment, "XDG_STATE_HOME", ".local/state") == Path("/h/.local/state")
    assert data_directory(Settings(), environment) == Path("/h/.local/share/sandbox-agent")
    assert settled(environment) == {"HOME": "/h", "A": "a"}
    assert places_of(environment) == places_of({"HOME": "/h"})
    assert base_directory({"XDG_STATE_HOME": "/s"}, "XDG_STATE_HOME", ".local/state") == Path("/s")


@pytest.mark.usefixtures("unknown")
def test_a_user_whom_nobody_knows_has_a_private_home_among_temporary_files(tmp_path: Path):
    environment = {"TMPDIR": str(tmp_path)}
    old = os.umask(0)
    try:
        assert Home.find(environment) == Home(temporary(tmp_path), "temporary")
    finally:
        os.umask(old)
    assert temporary(tmp_path).stat().st_mode & 0o777 == 0o700
    assert Home.find(environment) == Home(temporary(tmp_path), "temporary"), "also the second time"
    assert settled(environment) == {"TMPDIR": str(tmp_path), "HOME": str(temporary(tmp_path))}
    (trouble,) = Home.find(environment).troubles(environment)
    assert str(temporary(tmp_path)) in trouble
    assert "set HOME" in trouble


@pytest.mark.usefixtures("unknown")
def test_a_relative_folder_of_temporary_files_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sandbox_agent.actors.files.home.TEMPORARY", str(tmp_path / "none"))
    with pytest.raises(NoHome, match="none"):
        Home.find({"TMPDIR": "."})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("unknown")
@pytest.mark.parametrize("trap", ["link", "open to others", "file", "dangling link"])
def test_what_somebody_else_may_have_made_is_no_home(tmp_path: Path, trap: str):
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o700)
    path = temporary(tmp_path)
    match trap:
        case "link":
            path.symlink_to(victim)
        case "dangling link":
            path.symlink_to(tmp_path / "nothing")
        case "open to others":
            path.mkdir()
            path.chmod(0o750)
        case _:
            path.write_text("")
    environment = {"TMPDIR": str(tmp_path)}
    with pytest.raises(NoHome, match="set HOME"):
        Home.find(environment)
    with pytest.raises(NoHome):
        data_directory(Settings(), environment)
    assert "HOME" not in settled(environment)
    assert data_directory(Settings(data_dir="/data"), environment) == Path("/data")
    assert list(victim.iterdir()) == []


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path):
    environment = {"HOME": str(tmp_path / "none"), "XDG_DATA_HOME": "relative"}
    relative, unwritable = Home.find(environment).troubles(environment)
    assert "XDG_DATA_HOME is 'relative'" in relative
    assert f"the home directory {tmp_path / 'none'} cannot be written" in unwritable
    assert Home.find({"HOME": str(tmp_path)}).troubles({"HOME": str(tmp_path)}) == []


@pytest.mark.parametrize("environment", [{}, {"HOME": "relative"}, {"HOME": "", "XDG_STATE_HOME": "relative"}])
def test_nothing_is_kept_or_read_below_the_current_directory(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "relative").mkdir()
    assert Home.find(environment).path.is_absolute()
    assert data_directory(Settings(), environment).is_absolute()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert user_files({}) == ()
