"""The clock: what it writes is the time that it was asked at, also when somebody sets it."""

from datetime import UTC, datetime

from sandbox_agent.actors.kernel.clock import Clock


class SetClock(Clock):
    at_ns = 0

    def now_ns(self) -> int:
        return self.at_ns


def test_a_stamp_is_the_time_to_the_microsecond_whichever_way_the_clock_is_set():
    clock = SetClock()
    micros = (0, 1, 999_999, 1_000_000, 1_767_322_800_000_006, 1_767_322_799_999_999, 1_767_322_800_100_000, 5, -1)
    for at in micros:
        clock.at_ns = at * 1000 + 999
        expected = datetime.fromtimestamp(at // 1_000_000, UTC).replace(microsecond=at % 1_000_000)
        assert clock.stamp() == expected.isoformat(timespec="microseconds").replace("+00:00", "Z")
