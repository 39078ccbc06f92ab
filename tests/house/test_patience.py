"""No test fails because the machine is busy: what it waits for may take as long as only a hang does.

Looks for the three ways in which that was broken: a short limit around what must come, a short timeout of a child, and
a clock's difference that must be small.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from .checkout import ROOT, files

LIMITS = {"fail_after"}
WAITS = {"run", "wait", "join", "communicate"}
CLOCKS = {"current_time", "monotonic", "perf_counter", "process_time", "time"}
SHORTEST_LIMIT = 60
"""Seconds."""
SHORTEST_TIME = 5
"""Seconds that a test may say that something takes at most."""

TESTS = [name for name in files() if name.startswith("tests/") and name.endswith(".py")]


def name_of(call: ast.expr) -> str:
    function = call.func if isinstance(call, ast.Call) else call
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def seconds(node: ast.expr | None) -> float | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) else None


def is_short(node: ast.expr | None, least: float) -> bool:
    value = seconds(node)
    return value is not None and value < least


def hasty(tree: ast.AST) -> Iterator[int]:
    """The lines. A limit beside ``pytest.raises`` is meant to be reached, and one of 0 waits for nothing."""
    meant = {
        item.context_expr
        for node in ast.walk(tree)
        if isinstance(node, (ast.With, ast.AsyncWith))
        and any(name_of(other.context_expr) == "raises" for other in node.items)
        for item in node.items
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node not in meant:
            timeout = next((word.value for word in node.keywords if word.arg == "timeout"), None)
            first = node.args[0] if node.args else None
            if (name_of(node) in LIMITS and is_short(first, SHORTEST_LIMIT)) or (
                name_of(node) in WAITS
                and any(is_short(given, SHORTEST_LIMIT) and seconds(given) for given in (first, timeout))
            ):
                yield node.lineno
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            for left, operator, right in zip(sides, node.ops, sides[1:], strict=False):
                if isinstance(operator, (ast.Lt, ast.LtE)) and is_difference(left) and is_short(right, SHORTEST_TIME):
                    yield node.lineno


def is_difference(node: ast.expr) -> bool:
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and name_of(node.left) in CLOCKS


@pytest.mark.parametrize(
    "source",
    [
        "with trio.fail_after(5): pass",
        "process.wait(10)",
        "subprocess.run(argv, timeout=30)",
        "assert trio.current_time() - began < 1",
        "assert 0 <= time.monotonic() - began <= 0.5",
    ],
)
def test_it_finds_what_is_hasty(source: str) -> None:
    assert list(hasty(ast.parse(source))) == [1]


@pytest.mark.parametrize(
    "source",
    [
        "with trio.fail_after(PATIENCE): pass",
        "with pytest.raises(trio.TooSlowError), trio.fail_after(0.05): pass",
        "process.wait()",
        "assert trio.current_time() - began >= 1",
    ],
)
def test_it_leaves_the_others_alone(source: str) -> None:
    assert list(hasty(ast.parse(source))) == []


def test_no_test_is_hasty() -> None:
    found = [f"{name}:{line}" for name in TESTS for line in hasty(ast.parse(Path(ROOT, name).read_text()))]
    assert found == []
