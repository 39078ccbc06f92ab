"""Whether a figure grows. A pure function: a series of samples and a bound in, growth per hour out."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from statistics import median

from attrs import frozen

HOUR = 3600.0

LONG = 0.5
"""Hours."""

Sample = tuple[float, float]
"""When, in seconds, and how much."""


@frozen
class Bound:
    """A figure may grow by ``per_hour``, and ``noise`` is its uncertainty: in a soak of minutes its variation would
    otherwise look like a slope of many hundreds per hour. A steady leak exceeds any noise after long enough.
    ``settling`` is allowed on top when less than :data:`LONG` is judged, after a warm-up as short."""

    per_hour: float
    noise: float
    settling: float = 0

    def allowed(self, hours: float) -> float:
        return self.noise + self.per_hour * hours + (self.settling if hours < LONG else 0)


@frozen
class Trend:
    """``slope`` and ``rise`` are per hour: the slope by Theil and Sen, and the way from the median of the second
    quarter to that of the last. One outlier moves neither, and one step near an end moves only one of them: a leak
    moves both."""

    name: str
    bound: Bound
    hours: float
    level: float
    least: float
    most: float
    slope: float
    rise: float

    @property
    def growth(self) -> float:
        """The growth in these hours, by the smaller of the two."""
        return min(self.slope, self.rise) * self.hours

    @property
    def flat(self) -> bool:
        return self.growth <= self.bound.allowed(self.hours)

    def __str__(self) -> str:
        return (
            f"{'flat ' if self.flat else 'GROWS'} {self.name}: median {self.level:.6g} "
            f"({self.least:.6g} to {self.most:.6g}), slope {self.slope:+.6g}/h, "
            f"second to last quarter {self.rise:+.6g}/h; "
            f"grew {self.growth:+.3g}, allowed {self.bound.allowed(self.hours):.3g}"
        )


def trend(name: str, samples: Sequence[Sample], bound: Bound) -> Trend:
    """Of at least eight samples, in the order in which they were taken."""
    if len(samples) < 8:
        raise ValueError(f"{name} has {len(samples)} samples")
    values = [value for _, value in samples]
    quarter = len(samples) // 4
    second, last = samples[quarter : 2 * quarter], samples[-quarter:]
    rise = _middle(last)[1] - _middle(second)[1]
    return Trend(
        name,
        bound,
        (samples[-1][0] - samples[0][0]) / HOUR,
        median(values),
        min(values),
        max(values),
        median(_slopes(samples)) * HOUR,
        rise / (_middle(last)[0] - _middle(second)[0]) * HOUR,
    )


def _middle(samples: Sequence[Sample]) -> Sample:
    return median(at for at, _ in samples), median(value for _, value in samples)


def _slopes(samples: Sequence[Sample]) -> Iterator[float]:
    return ((later[1] - earlier[1]) / (later[0] - earlier[0]) for earlier, later in combinations(samples, 2))
