"""Which ended sessions the bounds of age, number and bytes let go."""

from sandbox_agent.actors.journal.retention import EndedSession, to_forget
from sandbox_agent.schema.settings import Settings

ENDED = [EndedSession(name, age, 1000 - int(age), 10) for name, age in (("young", 1), ("old", 30), ("middle", 20))]


def bounds(age: float = 0, number: int = 100, size: int = 1000) -> Settings:
    return Settings(ended_age=age, ended_sessions_kept=number, ended_bytes_kept=size)


def test_within_all_bounds_every_session_stays() -> None:
    assert to_forget(ENDED, bounds(age=30, number=3, size=30)) == []


def test_those_beyond_the_age_go_and_count_for_no_other_bound() -> None:
    assert to_forget(ENDED, bounds(age=25, number=2, size=20)) == ["old"]


def test_the_oldest_by_their_end_go_when_there_are_too_many_or_they_are_too_large() -> None:
    assert to_forget(ENDED, bounds(number=1)) == ["old", "middle"]
    assert to_forget(ENDED, bounds(size=29)) == ["old"]
    assert to_forget(ENDED, bounds(size=0)) == ["old", "middle", "young"]
