"""What every part of an install reports to, and how each of them fails."""

from collections.abc import Callable

from ...schema.api.agent_info import InstallPhase

Report = Callable[[InstallPhase, int | None], None]
"""Told the phase that an install is in and how much of it is done, in percent; None when that is not known."""


class InstallFailed(Exception):
    """The agent could not be installed: no such version, no network, a wrong checksum, no room. The message is for
    the caller, whose choice of version or whose machine it is about."""
