"""What a measurement ends with: its bounds, each with PASS or FAIL, and a file of its figures."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import asdict, frozen

RESULTS = Path("benchmarks/results")


@frozen
class Bound:
    """``value`` must not be more than ``most``; both in ``unit``, none for a ratio."""

    name: str
    value: float
    most: float
    unit: str = ""

    @property
    def held(self) -> bool:
        return self.value <= self.most

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        return f"{'PASS' if self.held else 'FAIL'}  {self.name}: {self.value:,.2f}{unit}, at most {self.most:,g}{unit}"


def finish(name: str, bounds: Sequence[Bound], figures: Sequence[Any]) -> None:
    """Tell the bounds, keep the figures, and exit with 1 when a bound was missed."""
    print()
    for bound in bounds:
        print(bound)
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{name}.json"
    kept = {
        "bounds": [asdict(bound) | {"held": bound.held} for bound in bounds],
        "figures": [asdict(f) for f in figures],
    }
    path.write_text(json.dumps(kept, indent=2) + "\n")
    print(f"\nwritten to {path}; no event was lost, doubled or out of order in any run")
    if not all(bound.held for bound in bounds):
        sys.exit(1)
