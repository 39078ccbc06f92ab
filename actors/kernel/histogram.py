"""Timings: how long something took, counted by how long. Holds a few numbers however often it happened."""

from bisect import bisect_left

BOUNDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds. Up to 5 ms nobody notices; what takes longer than 5 s is beyond all that is planned for."""


class Histogram:
    """One thread may count while another reads: a reader sees the one that is being counted wholly, partly or not."""

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
        """How many took at most so long, for each bound as text, and for ``+Inf`` all of them."""
        sums: list[tuple[str, int]] = []
        so_far = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), self._counts, strict=True):
            so_far += count
            sums.append((bound, so_far))
        return sums
