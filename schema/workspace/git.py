"""Git in a workspace that is not trusted.

Agents run ``git status`` and similar commands when they start, without a permission. The repository's configuration may
name a program that every such command runs, and a folder that looks like a bare repository has its own configuration.
"""

from collections.abc import Mapping

_GUARDS = {"core.fsmonitor": "false", "safe.bareRepository": "explicit"}


def guarded(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that prevent both, appended to what the environment configures already."""
    count = environment.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isascii() and count.isdigit() and len(count) < 6 else 0
    told = {"GIT_CONFIG_COUNT": str(first + len(_GUARDS))}
    for number, (key, value) in enumerate(_GUARDS.items(), first):
        told |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return told
