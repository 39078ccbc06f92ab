"""Background work of the mock agent: work that continues after its turn, what is told of it, and when it ends."""

import math
from time import monotonic

from .lines import Line, permission, say
from .steps import Background


class Aside:
    """All background work, in the order in which it began."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._new: list[Background] = []

    def __repr__(self) -> str:
        return f"<Aside {list(self._until)}>"

    def add(self, work: Background) -> list[Line]:
        self._new.append(work)
        self._until[work.prefix] = math.inf if work.seconds is None else monotonic() + work.seconds
        return [self.listed()]

    def listed(self) -> Line:
        tasks = [
            {"id": f"{prefix}_task", "kind": "sleep", "description": f"left by {prefix}"} for prefix in self._until
        ]
        return {"type": "background", "tasks": tasks}

    def turn_ended(self) -> list[Line]:
        """The first lines of the work that the turn left."""
        said: list[Line] = []
        for work in self._new:
            said += say(f"{work.prefix}_aside", "I go on in the background")
            if work.seconds is None:
                said.append(permission(f"{work.prefix}_leave", "background"))
        self._new = []
        return said

    @property
    def seconds(self) -> float | None:
        """Seconds until some work ends; None when none ends by itself."""
        first = min(self._until.values(), default=math.inf)
        return None if first == math.inf else max(0.0, first - monotonic())

    def over(self) -> list[Line]:
        """The last lines of work that has ended by now."""
        now = monotonic()
        return [line for prefix, until in list(self._until.items()) if until <= now for line in self._end(prefix)]

    def answered(self, approval_id: str) -> list[Line]:
        prefix = approval_id.removesuffix("_leave")
        return self._end(prefix) if prefix != approval_id and prefix in self._until else []

    def stop(self) -> list[Line]:
        """End all work. Its open approvals need no answer any more."""
        if not self._until:
            return []
        asked: list[Line] = [
            {"type": "withdraw", "id": f"{prefix}_leave"} for prefix, until in self._until.items() if until == math.inf
        ]
        self._until.clear()
        self._new = []
        return [*asked, self.listed()]

    def _end(self, prefix: str) -> list[Line]:
        del self._until[prefix]
        return [*say(f"{prefix}_done", "the background is done"), self.listed()]
