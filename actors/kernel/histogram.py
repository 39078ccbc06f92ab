"""A histogram of durations. Its size does not depend on how many were counted."""

from bisect import bisect_left

BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds in seconds. Below 5 ms a user notices nothing; above 5 s something is wrong in any case."""


class Histogram:
    """One thread may count while another reads: the duration that is being added may be visible, partly visible or
    not visible."""

    def __init__(self) -> None:
        self.total = 0.0
        self._counts = [0] * (len(BOUNDS) + 1)

    def __repr__(self) -> str:
        return f"<Histogram {self.count} in {self.total:.3f} s>"

    @property
    def count(self) -> int:
        return sum(self._counts)

    def add(self, seconds: float) -> None:
        self._counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[tuple[str, int]]:
        """For each bound, as text, how many took at most so long; ``+Inf`` counts all."""
        sums: list[tuple[str, int]] = []
        so_far = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self._counts, strict=True):
            so_far += count
            sums.append((bound, so_far))
        return sums
