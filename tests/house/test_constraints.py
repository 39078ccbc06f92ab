"""constraints.txt is only worth something while it is complete and true."""

from collections.abc import Iterator
from importlib.metadata import distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .checkout import ROOT, project

PYTHONS = ("3.11", "3.12", "3.13")


def pins() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def declared() -> list[Requirement]:
    about = project()["project"]
    return [Requirement(line) for line in (*about["dependencies"], *about["optional-dependencies"]["dev"])]


def closure() -> set[str]:
    """The canonical names of everything that the declared requirements pull in on this Python."""
    seen: set[tuple[str, str]] = set()
    todo = [(requirement, "") for requirement in declared()]
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = canonicalize_name(requirement.name)
        for wanted in ("", *requirement.extras):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                todo += [(Requirement(line), wanted) for line in distribution(name).requires or ()]
    return {name for name, _ in seen}


def applying(version: str) -> Iterator[Requirement]:
    for pin in pins():
        if pin.marker is None or pin.marker.evaluate({"python_version": version}):
            yield pin


@pytest.mark.parametrize("version", PYTHONS)
def test_each_package_has_one_exact_pin_on_each_python(version: str) -> None:
    names = [canonicalize_name(pin.name) for pin in applying(version)]
    assert sorted(names) == sorted(set(names))
    assert all([s.operator for s in pin.specifier] == ["=="] for pin in applying(version))


@pytest.mark.parametrize("version", PYTHONS)
def test_each_pin_satisfies_the_declared_range_on_each_python(version: str) -> None:
    pinned = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in applying(version)}
    for requirement in declared():
        if requirement.marker is None or requirement.marker.evaluate({"python_version": version}):
            assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), str(requirement)


def test_nothing_is_pulled_in_unpinned_and_no_pin_is_left_over() -> None:
    assert {canonicalize_name(pin.name) for pin in pins()} == closure()


def test_what_is_installed_is_what_is_pinned() -> None:
    here = [pin for pin in pins() if pin.marker is None or pin.marker.evaluate()]
    installed = {str(pin): distribution(pin.name).version for pin in here}
    assert [text for text, version in installed.items() if not Requirement(text).specifier.contains(version)] == []
