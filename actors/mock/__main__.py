"""``python -m sandbox_agent.actors.mock [--step-ms N] [--start crash|hang] [--memory FILE]``

argparse would double the time of a start.
"""

import os
import sys

from . import trouble
from .program import Program

USAGE = "usage: python -m sandbox_agent.actors.mock [--step-ms MILLISECONDS] [--start crash|hang] [--memory FILE]"
STEP_MS = 20.0


def parse(arguments: list[str]) -> tuple[float, str | None, str | None]:
    """The step in milliseconds, how the start is to go wrong, and the file of the conversation. Raises ``ValueError``
    for what is not ours."""
    step, start, memory = STEP_MS, None, None
    words = iter(arguments)
    for name in words:
        value = next(words, "")
        if name == "--step-ms" and float(value) >= 0:
            step = float(value)
        elif name == "--start" and value in ("crash", "hang"):
            start = value
        elif name == "--memory" and value:
            memory = value
        else:
            raise ValueError(f"unknown arguments: {arguments}")
    return step, start, memory


def main() -> int:
    try:
        step, start, memory = parse(sys.argv[1:])
    except ValueError as error:
        os.write(2, f"{error}\n{USAGE}\n".encode())
        return 2
    if start is not None:
        trouble.start(start)
    return Program(0, 1, step / 1000, memory).run()


if __name__ == "__main__":
    # Nothing here needs the interpreter's orderly end, and it takes a quarter of a short life.
    os._exit(main())
