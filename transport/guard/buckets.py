"""Token buckets (the rate limiting algorithm), one for each name: a burst, and an average rate."""

from collections import OrderedDict

from attrs import define

MOST = 4096
"""Most names at once: the one that was not used for longest is removed, and starts again when it returns. So a client
with many addresses cannot make the table grow, and gains one burst for each address."""


@define
class _Level:
    left: float
    at: float


class Buckets:
    """``rate`` is per second, 0 for no bound; ``burst`` is a bucket's size. ``now`` is in seconds of any clock."""

    def __init__(self, rate: float, burst: float, most: int = MOST) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._levels: OrderedDict[str, _Level] = OrderedDict()

    def __repr__(self) -> str:
        return f"<Buckets {len(self._levels)} of {self._rate}/s, burst {self._burst}>"

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, name: str, now: float) -> float:
        """Take one. Returns 0.0 when there was one; otherwise the seconds until there is one, and nothing is taken."""
        if not self._rate:
            return 0.0
        level = self._levels.get(name)
        if level is None:
            level = self._levels[name] = _Level(self._burst, now)
            if len(self._levels) > self._most:
                self._levels.popitem(last=False)
        else:
            self._levels.move_to_end(name)
            level.left = min(self._burst, level.left + max(now - level.at, 0.0) * self._rate)
            level.at = now
        if level.left < 1.0:
            return (1.0 - level.left) / self._rate
        level.left -= 1.0
        return 0.0
