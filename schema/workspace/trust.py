"""Whether the configuration that lies in a session's directory may decide anything.

A repository's files can grant tools, run programs at the start of an agent and send its key elsewhere. ``untrusted``:
the agent does not read them; only text that the model reads is carried over. ``trusted``: the agent reads what it
always reads.
"""

from typing import Literal, cast, get_args

WorkspaceTrust = Literal["untrusted", "trusted"]

LEVELS: tuple[WorkspaceTrust, ...] = get_args(WorkspaceTrust)


def trust_that_holds(asked: WorkspaceTrust | None, default: str) -> WorkspaceTrust:
    """``asked`` is the session's own word, None for one that has none, such as a session that was kept before there was
    this option: nobody has said that its directory is trusted, so the daemon's setting ``default`` counts."""
    return asked if asked is not None else cast("WorkspaceTrust", default)
