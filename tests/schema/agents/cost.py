"""What a call costs, in a unit that no busy machine changes: what ``json.loads`` takes for the same line."""

import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

CALLS = 100
ROUNDS = 100


def cost(call: Callable[[bytes], Any], line: bytes) -> float:
    """The median over many short rounds, in this thread's own processor time.

    The quotient of the best time of each by the clock was four times too high once, on a machine where only one half
    ever had a processor to itself.
    """
    return median(_seconds(call, line) / _seconds(json.loads, line) for _ in range(ROUNDS))


def _seconds(call: Callable[[bytes], Any], line: bytes) -> float:
    began = time.thread_time()
    for _ in range(CALLS):
        call(line)
    return time.thread_time() - began
