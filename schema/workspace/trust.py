"""Workspace trust: whether the configuration in a session's directory has any effect.

A repository's files can grant tools, run programs at the start of an agent and send its key elsewhere. ``untrusted``:
the agent does not read them; only text for the model is carried over. ``trusted``: the agent reads what it always
reads.
"""

from typing import Literal, cast, get_args

WorkspaceTrust = Literal["untrusted", "trusted"]

LEVELS: tuple[WorkspaceTrust, ...] = get_args(WorkspaceTrust)


def trust_that_holds(asked: WorkspaceTrust | None, default: str) -> WorkspaceTrust:
    """``asked`` is the session's own value. It is None when the client gave none, and for sessions that are older than
    this option: nobody said that their directory is trusted, so the daemon's setting ``default`` counts."""
    return asked if asked is not None else cast("WorkspaceTrust", default)
