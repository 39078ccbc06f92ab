"""What a call costs, in a unit that no busy machine changes: what ``json.loads`` takes for the same line."""

import json
import time
from collections.abc import Callable
from typing import Any

CALLS = 500
ROUNDS = 20


def cost(call: Callable[[bytes], Any], line: bytes) -> float:
    """Of the best of many rounds, in which both take turns."""
    own, parsing = zip(*((_seconds(call, line), _seconds(json.loads, line)) for _ in range(ROUNDS)), strict=True)
    return min(own) / min(parsing)


def _seconds(call: Callable[[bytes], Any], line: bytes) -> float:
    began = time.perf_counter()
    for _ in range(CALLS):
        call(line)
    return time.perf_counter() - began
