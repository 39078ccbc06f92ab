"""What grows is one table each: who adds to it looks in one file."""

import ast

from .checkout import ROOT, files

PRODUCT = ("schema/", "actors/", "transport/", "cli/", "sdk/")


def test_problems_are_made_in_one_file() -> None:
    """By name: to restore a kept one from its members is something else."""
    sources = [name for name in files() if name.startswith(PRODUCT) and name.endswith(".py")]
    assert "schema/problems.py" in sources
    made = [f"{name}:{line}" for name in sources if name != "schema/problems.py" for line in problems_in(name)]
    assert made == []


def problems_in(name: str) -> list[int]:
    calls = [node for node in ast.walk(ast.parse((ROOT / name).read_text())) if isinstance(node, ast.Call)]
    return [
        call.lineno
        for call in calls
        if isinstance(call.func, ast.Name)
        and call.func.id == "Problem"
        and call.args
        and isinstance(call.args[0], ast.Constant)
    ]
