"""Claude's work in the background: commands, sub-agents and monitors that its turns do not wait for.

Claude tells the whole list whenever it changes. An interrupt ends its sub-agents, also between turns; commands go on
after one, and are stopped one by one.
"""

from collections.abc import Iterator
from typing import Any

from ...background import MOST_TASKS, BackgroundTask
from ...bounds import MAX_ITEM_ID
from ..effects import BackgroundChanged, Write
from ..json_lines import as_text, elements, line, members

STOP = "stop"
"""What the ids of requests to stop a task begin with."""


SUB_AGENT = "local_agent"
"""Claude's word for the kind."""


class Background:
    def __init__(self) -> None:
        self._tasks: tuple[BackgroundTask, ...] = ()
        self._stops = 0

    def __repr__(self) -> str:
        return f"<Background {[task.task_id for task in self._tasks]}>"

    def __bool__(self) -> bool:
        return bool(self._tasks)

    def listed(self, tasks: Any) -> Iterator[BackgroundChanged]:
        """The list as claude has it now; told when it is another one."""
        known = (_task(members(facts)) for facts in elements(tasks))
        now = tuple(task for task in known if task is not None)[:MOST_TASKS]
        if now != self._tasks:
            self._tasks = now
            yield BackgroundChanged(now)

    def stop(self) -> Iterator[Write]:
        """What an interrupt leaves running. Claude begins a turn to report on a sub-agent that is stopped like this. A
        task that has ended meanwhile is answered with an error, which means nothing."""
        for task in self._tasks:
            if task.kind == SUB_AGENT:
                continue
            self._stops += 1
            request = {"subtype": "stop_task", "task_id": task.task_id}
            yield Write(line({"type": "control_request", "request_id": f"{STOP}_{self._stops}", "request": request}))


def _task(facts: dict[str, Any]) -> BackgroundTask | None:
    """None for what is no work of the conversation's: claude's own housekeeping, which it marks as ambient."""
    task_id = facts.get("task_id")
    if not isinstance(task_id, str) or len(task_id) > MAX_ITEM_ID or facts.get("ambient") is True:
        return None
    kind, description = (as_text(facts.get(name) or "") for name in ("task_type", "description"))
    return BackgroundTask.of(task_id, kind, description)
