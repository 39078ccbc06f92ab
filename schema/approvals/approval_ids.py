"""Ids of approvals: an id that an agent uses again never names another approval.

An answer names an approval by its id. If an agent could give the id of a shown approval to another one, the human would
allow something that was not shown.
"""

MOST_REMEMBERED = 10_000
"""How many ids are remembered. After that every approval gets an id of ours."""

MAX_ID = 200
"""Most characters of an agent's own id: it must fit into a path and a command."""

REPEATED = "its id is that of a request that still waits"
"""The reason when an approval is refused because its answer could not be told apart from another's."""


class ApprovalIds:
    """The ids of the approvals of one agent process."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._count = 0

    def __repr__(self) -> str:
        return f"<ApprovalIds given={len(self._given)} ours={self._count}>"

    def give(self, named: str) -> str:
        """The id of a new approval: the agent's own, unless that was used already or cannot be an id."""
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
