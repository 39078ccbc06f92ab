"""The one module of `actors` that `transport` imports, which import-linter holds: the daemon's face, and the classes of
what it takes and gives."""

from .access.grant import Grant, anyones_grant, own_grant
from .access.token_keeper import TokenKeeper, digest_of
from .commands import Commands
from .counters import TOKEN_KINDS, Counters
from .facade import DaemonFacade, Health
from .journal.event_log import Batch, EventLog, Expired
from .journal.kept_answers import Answer
from .kernel.histogram import Histogram
from .kernel.loop_clock import LoopClock
from .kernel.supervisor import keep_up
from .machine.descriptors import Descriptors, Sizing
from .machine.shortage import Shortage
from .sessions.registry import Census

__all__ = [
    "TOKEN_KINDS",
    "Answer",
    "Batch",
    "Census",
    "Commands",
    "Counters",
    "DaemonFacade",
    "Descriptors",
    "EventLog",
    "Expired",
    "Grant",
    "Health",
    "Histogram",
    "LoopClock",
    "Shortage",
    "Sizing",
    "TokenKeeper",
    "anyones_grant",
    "digest_of",
    "keep_up",
    "own_grant",
]
