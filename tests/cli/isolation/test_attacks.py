"""An agent that attacks the daemon and another agent, at each level: what comes of it is what docs/security.md says."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ..containers import be_container, needs_root, open_place, open_way
from ..users import be_ordinary
from .attacks import succeeded

PAGE = Path(__file__).parents[3] / "docs" / "security.md"


def told(column: str) -> dict[str, str]:
    """What the page's table says of each attack."""
    lines = iter(PAGE.read_text().splitlines())
    columns = next(cells(line) for line in lines if line.startswith("| An agent tries to"))
    next(lines)
    found: dict[str, str] = {}
    for line in lines:
        if not line.startswith("|"):
            break
        row = cells(line)
        found[row[0]] = row[columns.index(column)]
    return found


def cells(line: str) -> list[str]:
    return [cell.strip().replace("`", "") for cell in line.strip("|").split("|")]


@pytest.mark.parametrize(
    ("column", "level", "prepare"),
    [
        ("process", "process", be_ordinary),
        # Who is not root runs the same as an ordinary user.
        ("process, as root" if os.geteuid() == 0 else "process", "process", None),
        ("namespace", "namespace", None),
    ],
    ids=["process", "process-as-root", "namespace"],
)
def test_an_attack_gets_as_far_as_the_page_says(
    tmp_path: Path, column: str, level: str, prepare: Callable[[], None] | None
) -> None:
    check(column, succeeded(tmp_path, level, prepare))


@needs_root
@pytest.mark.parametrize(
    ("column", "level", "prepare"),
    [("user", "user", open_way), ("user", "user", be_container), ("namespace", "namespace", open_way)],
    ids=["user", "user-in-a-container", "user-in-a-namespace"],
)
def test_an_attack_of_another_user_gets_as_far_as_the_page_says(
    column: str, level: str, prepare: Callable[[], None]
) -> None:
    with open_place() as place:
        check(column, succeeded(place / "home", level, prepare, place / "work"))


def check(column: str, found: set[str]) -> None:
    expected = told(column)
    assert {attack: "succeeds" if attack in found else "fails" for attack in expected} == expected
    assert found <= set(expected)
