"""Background work of an agent, beside its turns: a command that it left running, a sub-agent that it does not wait
for."""

from attrs import frozen

from .bounds import MAX_NAME, bounded_id, shortened

MOST_TASKS = 100
"""Most tasks of one agent that are told and stopped; in practice there are far fewer."""

MAX_DESCRIPTION = 200
"""Most characters of a task's description."""


@frozen
class BackgroundTask:
    """``task_id`` and ``kind`` are the agent's own words: claude's ``local_bash`` is a command, ``local_agent`` a
    sub-agent. ``description`` says what it is about."""

    task_id: str
    kind: str
    description: str

    @classmethod
    def of(cls, task_id: str, kind: str, description: str) -> "BackgroundTask":
        """The same task, with its texts cut to their bounds."""
        return cls(bounded_id(task_id), shortened(kind, MAX_NAME), shortened(description, MAX_DESCRIPTION))
