"""What the timings remember of many durations."""

from sandbox_agent.actors.kernel.histogram import BOUNDS, Histogram


def test_each_is_counted_once_and_up_from_the_bound_that_it_meets() -> None:
    timings = Histogram()
    for seconds in (0.0, 0.001, 0.0011, 0.3, 60.0):
        timings.add(seconds)
    found = dict(timings.cumulative())
    assert [found[bound] for bound in ("0.0005", "0.001", "0.002", "0.2", "0.5", "5.0", "+Inf")] == [
        1,
        2,
        3,
        3,
        4,
        4,
        5,
    ]
    assert timings.count == 5
    assert timings.total == 60.3021


def test_it_holds_as_much_after_many_as_after_none() -> None:
    timings = Histogram()
    for number in range(10_000):
        timings.add(number / 1000)
    assert len(timings.cumulative()) == len(BOUNDS) + 1
    assert timings.cumulative()[-1] == ("+Inf", 10_000)
