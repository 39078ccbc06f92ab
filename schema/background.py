"""Work that an agent goes on with beside its turns: a command that it left running, a sub-agent that it does not wait
for."""

from attrs import frozen

from .bounds import MAX_NAME, bounded_id, shortened

MOST_TASKS = 100
"""Tasks of one agent that are told and stopped; no agent has as many."""

MAX_DESCRIPTION = 200
"""Characters of what a task is."""


@frozen
class BackgroundTask:
    """``task_id`` and ``kind`` are the agent's own words: claude's ``local_bash`` is a command, ``local_agent`` a
    sub-agent. ``description`` says what it is about."""

    task_id: str
    kind: str
    description: str

    @classmethod
    def of(cls, task_id: str, kind: str, description: str) -> "BackgroundTask":
        """Within bounds."""
        return cls(bounded_id(task_id), shortened(kind, MAX_NAME), shortened(description, MAX_DESCRIPTION))
