"""An agent of the daemon's own user, with nothing but user ids between them: how far it gets.

The user is none that may look into everything: root may, and then only namespaces help.
"""

from pathlib import Path

from ..users import be_ordinary
from .attacks import TOKEN, succeeded

HELD = {
    "read the token in the arguments",
    "read the token in the environment",
    "read the token in the daemon's memory",
    "open the daemon's files by their descriptors",
    "approve its own ask without a token",
    "write to another agent's stdin",
    "write to another agent's stdout",
}


def test_an_agent_of_the_same_user_reads_nothing_of_the_daemon_itself(tmp_path: Path) -> None:
    found = succeeded(tmp_path, prepare=be_ordinary, env={"SANDBOX_AGENT_TOKEN": TOKEN})
    assert not found & HELD, sorted(found & HELD)
