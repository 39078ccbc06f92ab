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

SDK = "sdk/python"
FOLDERS = {
    "actors": "sandbox_agent/actors",
    "cli": "sandbox_agent/cli",
    "schema": "sandbox_agent/schema",
    "transport": "sandbox_agent/transport",
    SDK: "sandbox_agent",
}
"""Where each top-level folder of the product stands in the package."""

BUILD = "import sys; from setuptools import build_meta; print(getattr(build_meta, sys.argv[1])(sys.argv[2]))"


def run(*argv: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(argv, cwd=cwd, env=env, capture_output=True, text=True, timeout=3 * PATIENCE)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shipped() -> set[str]:
    """Each source file of the product, under the name that it has when installed."""
    found: set[str] = set()
    for folder, package in FOLDERS.items():
        for name in files():
            inside = PurePosixPath(name)
            if inside.is_relative_to(folder) and (inside.suffix == ".py" or inside.name == "py.typed"):
                found.add(f"{package}/{inside.relative_to(folder)}")
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


def test_the_package_is_links_to_every_folder_of_the_product_and_to_every_file_of_the_sdk() -> None:
    sdk = {path.name for path in (ROOT / SDK).iterdir() if path.name != "__pycache__"}
    links = {path.name: path.readlink() for path in (ROOT / "sandbox_agent").iterdir() if path.name != "__pycache__"}
    wanted = {name: Path("..") / SDK / name for name in sdk} | {
        folder: Path("..") / folder for folder in FOLDERS if folder != SDK
    }
    assert links == wanted


def test_every_folder_of_sources_is_a_package() -> None:
    sources = {path.parent for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")}
    assert {str(path.relative_to(ROOT)) for path in sources if not (path / "__init__.py").is_file()} == set()


def test_every_runtime_dependency_is_imported_somewhere() -> None:
    source = "\n".join((ROOT / name).read_text() for name in files() if name.startswith(tuple(FOLDERS)))
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
    other = {name for name in files() if not name.startswith((".", "sandbox_agent/", *FOLDERS)) or name == ".ci/run"}
    assert {name for name in other | shipped() if not (inside / name).is_file()} == set()
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
