"""Ids of asks: one that an agent uses again does not name another ask.

An answer names an ask by its id. If an agent could give the id of what a human looks at to something else, the human
would allow what he has not seen.
"""

MOST_REMEMBERED = 10_000
"""Ids that are known again. Behind them every ask gets an id of ours."""

MAX_ID = 200
"""Characters of an agent's own id that is taken: it must fit into a path and a command."""

REPEATED = "its id is that of a request that still waits"
"""Why an ask is refused that could not be answered apart from another."""


class ApprovalIds:
    """The ids of the asks of one agent process."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._count = 0

    def __repr__(self) -> str:
        return f"<ApprovalIds given={len(self._given)} ours={self._count}>"

    def give(self, named: str) -> str:
        """The id of a new ask: the agent's own, unless that was given already or cannot be an id."""
        fits = 0 < len(named) <= MAX_ID and named.isprintable()
        if not fits:
            named = "ask"
        if fits and named not in self._given and len(self._given) < MOST_REMEMBERED:
            self._given.add(named)
            return named
        while True:
            self._count += 1
            ours = f"{named}~{self._count}"
            if ours not in self._given:
                if len(self._given) < MOST_REMEMBERED:
                    self._given.add(ours)
                return ours
