"""What only the environment can allow to a daemon that demands no token."""

import os

ALLOW_NO_TOKEN = "SANDBOX_AGENT_ALLOW_NO_TOKEN"  # noqa: S105 - a variable's name


def is_no_token_allowed() -> bool:
    """Whether the environment says that something else guards the port."""
    return os.environ.get(ALLOW_NO_TOKEN) == "1"
