"""``python -m sandbox_agent.actors.mock [--step-ms N]``; argparse would double the time of a start."""

import os
import sys

from .program import Program

USAGE = "usage: python -m sandbox_agent.actors.mock [--step-ms MILLISECONDS]"
STEP_MS = 20.0


def step_ms(arguments: list[str]) -> float:
    """Raises ``ValueError`` for arguments that are not ours."""
    match arguments:
        case []:
            return STEP_MS
        case ["--step-ms", number] if float(number) >= 0:
            return float(number)
        case _:
            raise ValueError(f"unknown arguments: {arguments}")


def main() -> int:
    try:
        step = step_ms(sys.argv[1:]) / 1000
    except ValueError as error:
        os.write(2, f"{error}\n{USAGE}\n".encode())
        return 2
    return Program(0, 1, step).run()


if __name__ == "__main__":
    # Nothing here needs the interpreter's orderly end, and it takes a quarter of a short life.
    os._exit(main())
