"""Which paths the agents' user can read: a program that runs as that user, ``python -IS reach.py PATH…``.

It writes one line of JSON: its user, and for each path why it cannot be read, or null. Then it waits for the end of its
stdin. Meanwhile the daemon tries whether it can look at this process as it looks at agents.
"""

import json
import os
import sys


def why_not(path: str) -> "str | None":
    """Try to read it: a mode does not always say who may do what."""
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
        os.stat(os.path.join(path, ".") if os.path.isdir(path) else path)
    except OSError as error:
        return error.strerror
    return None


def capabilities() -> int:
    """The capabilities that the process has, or may take."""
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return int(fields["CapPrm"], 16) | int(fields["CapEff"], 16)


def main() -> None:
    told = {
        "ids": [*os.getresuid(), *os.getresgid()],
        "groups": os.getgroups(),
        "capabilities": capabilities(),
        "paths": {path: why_not(path) for path in sys.argv[1:]},
    }
    print(json.dumps(told), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
