"""What a user installs: the wheel and the sdist hold every package, run, and carry their types."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

from ..patience import PATIENCE
from .checkout import ROOT, copy_to, files, project

ROOMS: dict[str, str] = project()["tool"]["setuptools"]["package-dir"]
BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def run(*argv: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=3 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shipped() -> set[str]:
    """Each source file of the rooms, under the name that it has when installed."""
    found: set[str] = set()
    for package, room in sorted(ROOMS.items(), key=lambda pair: -len(pair[1])):
        for name in files():
            inside = PurePosixPath(name)
            if inside.is_relative_to(room) and (inside.suffix == ".py" or inside.name == "py.typed"):
                found.add(f"{package.replace('.', '/')}/{inside.relative_to(room)}")
    return found


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_to(tmp_path_factory.mktemp("checkout"))


def built(tree: Path, what: str, out: Path) -> Path:
    name = run(sys.executable, "-c", BUILD, what, out, cwd=tree).splitlines()[-1]
    return out / name


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tree, "build_wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def user(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of a fresh environment with the wheel in it; its dependencies are borrowed from ours by a .pth."""
    home = tmp_path_factory.mktemp("user")
    venv.create(home, with_pip=False, symlinks=True)
    paths = sysconfig.get_paths(vars={"base": str(home), "platbase": str(home)})
    (Path(paths["purelib"]) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = home / "bin" / "python"
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--ignore-installed", wheel, cwd=home)
    return home / "bin"


def test_every_folder_with_an_init_is_a_listed_package() -> None:
    folders: set[str] = set()
    for package, room in ROOMS.items():
        for init in (ROOT / room).rglob("__init__.py"):
            folders.add(".".join((package, *init.parent.relative_to(ROOT / room).parts)))
    assert folders == set(project()["tool"]["setuptools"]["packages"])


def test_every_runtime_dependency_is_imported_somewhere() -> None:
    source = "\n".join((ROOT / name).read_text() for name in files() if name.startswith(tuple(ROOMS.values())))
    names = {Requirement(line).name.replace("-", "_") for line in project()["project"]["dependencies"]}
    unused = {name for name in names if not re.search(rf"^\s*(import|from) {name}\b", source, re.MULTILINE)}
    assert unused == set()


def test_the_wheel_holds_every_source_file_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == shipped()


def test_the_sdist_can_build_test_and_explain_itself(tree: Path, wheel: Path, tmp_path: Path) -> None:
    source = built(tree, "build_sdist", tmp_path)
    with tarfile.open(source) as archive:
        # Python 3.11.0 to 3.11.3 know no filters.
        archive.extractall(tmp_path, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    inside = tmp_path / source.name.removesuffix(".tar.gz")
    wanted = {name for name in files() if not name.startswith(".") or name == ".ci/run"}
    assert {name for name in wanted if not (inside / name).is_file()} == set()
    again = built(inside, "build_wheel", tmp_path)
    with zipfile.ZipFile(again) as ours, zipfile.ZipFile(wheel) as theirs:
        assert sorted(ours.namelist()) == sorted(theirs.namelist())


def test_an_installed_wheel_runs_the_console_command(user: Path, tmp_path: Path) -> None:
    env = {"PATH": os.defpath, "HOME": str(tmp_path)}
    said = run(user / "sandbox-agent", "--version", cwd=tmp_path, env=env)
    assert said == f"sandbox-agent {project()['project']['version']}\n"


def test_the_package_in_use_is_the_wheel_and_not_the_checkout(user: Path, tmp_path: Path) -> None:
    said = run(user / "python", "-c", "import sandbox_agent.schema as s; print(s.__file__)", cwd=tmp_path)
    assert Path(said.strip()).is_relative_to(user.parent)


def test_a_type_checker_sees_the_types_of_the_wheel(user: Path, tmp_path: Path) -> None:
    (tmp_path / "consumer.py").write_text(
        "from sandbox_agent import Settings, UniversalEvent\n"
        "def f(event: UniversalEvent) -> str:\n"
        "    return event.session_id\n"
        "bad: str = Settings().max_sessions\n"
    )
    checked = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", user / "python", "consumer.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
    )
    found = json.loads(checked.stdout)["generalDiagnostics"]
    assert [(d["rule"], d["range"]["start"]["line"]) for d in found] == [("reportAssignmentType", 3)]
