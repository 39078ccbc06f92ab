"""The command, on a machine whose passwd does not know its user. For tests that do not run as root."""

import pwd
from typing import Any


def unknown(uid: Any) -> Any:
    raise KeyError(f"getpwuid(): uid not found: {uid}")


pwd.getpwuid = unknown

if __name__ == "__main__":
    from sandbox_agent.cli.main import main

    main(prog_name="sandbox-agent")
