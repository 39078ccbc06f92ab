"""Documents that can be checked are: a page that is wrong is worse than none."""

import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from ..proof.failpoints import names
from .checkout import ROOT, files, project

PAGES = [name for name in files() if name.endswith(".md") and "/" not in name.replace("docs/", "", 1)]
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
TEST = re.compile(r"(tests/[\w/]+\.py)(?:::(\w+))?")


@pytest.mark.parametrize("page", PAGES)
def test_links_and_named_tests_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    links = [target for target in LINK.findall(text) if "://" not in target]
    missing = [target for target in links if not (ROOT / page).parent.joinpath(target).exists()]
    missing += [f"{file}::{name}" for file, name in TEST.findall(text) if not is_test(file, name)]
    assert missing == []


def is_test(file: str, name: str) -> bool:
    path = ROOT / file
    return path.is_file() and (not name or f"def {name}(" in path.read_text())


def test_each_promise_names_its_tests() -> None:
    page = (ROOT / "docs" / "guarantees.md").read_text()
    promises = re.split(r"^\d+\. ", page.partition("## Not promised")[0], flags=re.MULTILINE)[1:]
    assert promises
    assert [promise for promise in promises if not TEST.search(promise)] == []
    numbers = re.findall(r"^(\d+)\. ", page, flags=re.MULTILINE)
    assert numbers == [str(number) for number in range(1, len(promises) + 1)]


def test_every_failpoint_is_explained_and_none_that_is_gone() -> None:
    page = (ROOT / "docs" / "guarantees.md").read_text().partition("## Where a kill is tried")[2]
    assert set(re.findall(r"^\| `([\w.]+)` \|", page, re.MULTILINE)) == set(names())


def test_every_dependency_is_justified_and_none_that_is_gone() -> None:
    tables = (ROOT / "docs" / "dependencies.md").read_text().partition("## Not used")[0]
    rows = re.findall(r"^\| ([\w, -]+) \|", tables, re.MULTILINE)
    justified = {name.strip() for row in rows for name in row.split(",")} - {"Package"}
    about = project()["project"]
    declared = {Requirement(line).name for line in (*about["dependencies"], *about["optional-dependencies"]["dev"])}
    assert justified == declared


def test_the_make_targets_that_documents_name_exist() -> None:
    lines = re.findall(r"^([a-z_ -]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = {target for page in PAGES for target in re.findall(r"make ([a-z_-]+)[` ]", read(page))}
    assert named - {target for line in lines for target in line.split()} == set()


def test_ci_runs_every_target_that_tests() -> None:
    targets = set(re.findall(r"^((?:test|kill-test|soak|lint)[a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"test", "test-agents", "test-proxies", "lint"} <= targets
    run = set(re.findall(r"^make ([a-z-]+)", (ROOT / ".ci" / "run").read_text(), re.MULTILINE))
    assert targets - run == set()


def read(page: str) -> str:
    """Only what stands in code: prose may make sense without a Makefile."""
    text = (ROOT / page).read_text()
    return " ".join(re.findall(r"`[^`\n]+`", text)) + " ".join(re.findall(r"(?m)^    .*", text)) + " "


def test_no_path_of_the_machine_it_was_written_on() -> None:
    home = str(Path.home())
    suspects = [name for name in files() if name.endswith((".py", ".md", ".toml", ".txt", ".json")) or "/" not in name]
    named = [name for name in suspects if f"{ROOT}/" in (text := (ROOT / name).read_text()) or f"{home}/." in text]
    assert named == []
