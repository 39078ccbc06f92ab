"""What the tally makes of a session's events."""

from sandbox_agent.actors.counters import MAX_NAMES, OTHER, Counters
from sandbox_agent.schema.codec import Codec
from sandbox_agent.schema.encode import EncodedEvent, EventEncoder
from sandbox_agent.schema.events import ErrorData, TurnEventData

from ..house import house

NOW = "2026-01-01T00:00:00Z"


def ended(**metadata: object) -> EncodedEvent:
    data = TurnEventData("ended", "turn_1", {"outcome": "completed", **metadata})
    return EventEncoder("s", Codec()).encode(1, NOW, "turn.ended", data, synthetic=False)


def error(code: str, *, synthetic: bool) -> EncodedEvent:
    return EventEncoder("s", Codec()).encode(1, NOW, "error", ErrorData("", code), synthetic=synthetic)


def test_a_turn_that_tells_its_models_counts_for_each_of_them() -> None:
    counters = Counters()
    models = {"big": {"input_tokens": 3, "cost_usd": 0.5}, "small": {"output_tokens": 4, "cost_usd": 0.25}}
    counters.recorded("claude", "asked", [ended(usage={"input_tokens": 3, "output_tokens": 4}, models=models)])
    assert set(counters.spent["claude"]) == {"big", "small"}
    assert counters.spent["claude"]["big"].tokens == {"input": 3}
    assert counters.spent["claude"]["small"].cost_usd == 0.25


def test_a_turn_that_tells_no_models_counts_for_the_one_that_was_asked_for() -> None:
    counters = Counters()
    counters.recorded("codex", "gpt", [ended(usage={"input_tokens": 3, "cache_read_tokens": 9})])
    counters.recorded("codex", None, [ended(usage={"input_tokens": 1})])
    assert counters.spent["codex"]["gpt"].tokens == {"input": 3, "cache_read": 9}
    assert counters.spent["codex"]["unknown"].tokens == {"input": 1}


def test_what_an_agent_tells_in_another_shape_is_not_counted_and_breaks_nothing() -> None:
    counters = Counters()
    for odd in (
        {"usage": [1]},
        {"usage": {"input_tokens": "9"}},
        {"models": "x"},
        {"cost_usd": -5},
        {"models": {"m": 1}},
    ):
        counters.recorded("amp", None, [ended(**odd)])
    assert counters.turns == {("amp", "completed"): 5}
    assert all(not spent.tokens and spent.cost_usd == 0 for spent in counters.spent["amp"].values())


def test_an_agent_that_names_models_without_end_does_not_make_it_grow_without_end() -> None:
    counters = Counters()
    for number in range(3 * MAX_NAMES):
        counters.recorded("amp", None, [ended(models={f"model-{number}": {"input_tokens": 1}})])
    assert len(counters.spent["amp"]) == MAX_NAMES + 1
    assert counters.spent["amp"][OTHER].tokens == {"input": 2 * MAX_NAMES}


def test_errors_are_counted_by_code_when_the_daemon_told_them() -> None:
    counters = Counters()
    counters.recorded("amp", None, [error("process_exit", synthetic=True), error("made-up", synthetic=False)])
    assert counters.errors == {"process_exit": 1}
    assert counters.events == {"error": 2}


async def test_the_events_that_it_counts_are_those_of_the_logs() -> None:
    async with house() as h:
        log = await h.create()
        await h.turn(log, "echo one")
        await h.send("crash")
        await h.until_status("suspended")
        await h.turn(log, "echo two")
        counters = h.daemon.counters
        assert counters.events.total() == log.last == h.daemon.feed.last
        assert counters.turns == {("mock", "completed"): 2, ("mock", "failed"): 1}
        assert counters.agent_starts == {("mock", False): 1, ("mock", True): 1}
        assert counters.errors == {"process_exit": 1}
