"""Codex's work in the background: what is told of it, the turn in which it comes, and how an interrupt ends it."""

from typing import Any

from sandbox_agent.schema.agents.codex.dialect import Codex
from sandbox_agent.schema.agents.effects import (
    BackgroundChanged,
    ItemCompleted,
    ItemDelta,
    ItemStarted,
    NativeSessionNamed,
    TurnStarted,
)
from sandbox_agent.schema.background import MAX_DESCRIPTION, MOST_TASKS, BackgroundTask
from sandbox_agent.schema.items import JsonPart, ToolResultPart

from ...playbook import Playbook, interrupts, prompts, writes
from .spec import SPEC
from .test_dialect import answer, clean, interrupt, notice, request, running, turn_completed, turn_started

COMMAND = BackgroundTask("7", "commandExecution", "serve")
HELPER = BackgroundTask("sub", "subAgent", "help")

ITEM = {"type": "commandExecution", "id": "c", "command": "serve", "cwd": "/", "processId": "7"}
ENDED = ITEM | {"status": "failed", "exitCode": 3, "aggregatedOutput": "early\nlate\n", "durationMs": 5}
SPAWN = {"type": "collabAgentToolCall", "id": "s", "tool": "spawnAgent", "prompt": "help"}


def cleaned(number: int, thread: str = "T") -> Any:
    return writes(request(f"stop_{number}", "thread/backgroundTerminals/clean", threadId=thread))


def printed(text: str) -> Any:
    return notice("item/commandExecution/outputDelta", turnId="U", itemId="c", delta=text)


def at_work() -> Playbook:
    """In a turn, of which codex has kept something."""
    prompt = {"type": "userMessage", "id": "u", "clientId": "user_1"}
    return running() >> notice("item/completed", item=prompt) << NativeSessionNamed("T", resumable=True)


def serving() -> Playbook:
    """In a turn, with a command that the model does not wait for."""
    return (
        at_work()
        >> notice("item/started", turnId="U", item=ITEM | {"status": "inProgress"})
        << "item.started itm_2 c tool_call assistant"
        << "item.completed itm_2 c tool_call assistant completed"
        << "item.started itm_3 c#result tool_result tool in itm_2"
        >> printed("early\n")
        << "item.delta itm_3 'early\\n'"
    )


def left() -> Playbook:
    """Between turns, while the command goes on."""
    return (
        serving()
        >> turn_completed()
        << "S item.completed itm_3 c#result tool_result tool completed in itm_2"
        << BackgroundChanged((COMMAND,))
        << "turn.ended turn_1 completed"
    )


def printing() -> Playbook:
    """In a turn of the agent's own, which the command has begun with its output."""
    return (
        left()
        >> printed("one\n")
        << "S turn.started turn_2"
        << "S item.started itm_4 c#result2 tool_result tool in itm_2"
        << "item.delta itm_4 'one\\n'"
    )


def ended() -> Any:
    return notice("item/completed", turnId="U", item=ENDED)


def with_helper() -> Playbook:
    """Between turns, while a sub-agent goes on."""
    return (
        at_work()
        >> notice("item/completed", turnId="U", item=SPAWN | {"receiverThreadIds": ["sub"]})
        << "S item.started itm_2 s tool_call assistant"
        << "item.completed itm_2 s tool_call assistant completed"
        << "S item.started itm_3 s#result tool_result tool in itm_2"
        << "item.completed itm_3 s#result tool_result tool completed in itm_2"
        >> turn_started("W", "sub")
        >> turn_completed()
        << BackgroundChanged((HELPER,))
        << "turn.ended turn_1 completed"
    )


def test_the_end_of_a_command_that_outlives_its_turn_is_told_in_a_turn_of_the_agents_own():
    assert (
        left()
        >> ended()
        << "S turn.started turn_2"
        << "S item.started itm_4 c#result2 tool_result tool in itm_2"
        << "item.completed itm_4 c#result2 tool_result tool failed in itm_2"
        << BackgroundChanged()
        << "S turn.ended turn_2 completed"
        # Once said, it is over.
        >> ended()
        >> printed("more")
    )


def test_each_result_holds_what_was_printed_by_then_and_the_last_one_how_it_ended():
    dialect = Codex(SPEC)
    said = [
        answer("thread_1", thread={"id": "T"}),
        prompts("hi"),
        answer("turn_2", turn={"id": "U"}),
        turn_started(),
        notice("item/started", turnId="U", item=ITEM | {"status": "inProgress"}),
        printed("early\n"),
        turn_completed(),
        ended(),
    ]
    effects = [effect for one in said for effect in one.say(dialect)]
    results = [e.content for e in effects if isinstance(e, ItemCompleted) and e.kind == "tool_result"]
    running_on = JsonPart({"exit_code": None, "status": "inProgress", "duration_ms": None})
    over = JsonPart({"exit_code": 3, "status": "failed", "duration_ms": 5})
    assert results == [
        (ToolResultPart("c", "early\n"), running_on),
        (ToolResultPart("c", "early\nlate\n"), over),
    ]


def test_what_it_prints_opens_such_a_turn_which_lasts_as_long_as_the_work_and_gives_way():
    playbook = printing() >> printed("two\n") << "item.delta itm_4 'two\\n'"
    assert (
        playbook
        >> ended()
        << "item.completed itm_4 c#result2 tool_result tool failed in itm_2"
        << BackgroundChanged()
        << "S turn.ended turn_2 completed"
    )
    dialect = Codex(SPEC)
    for one in (answer("thread_1", thread={"id": "T"}), prompts("hi"), answer("turn_2", turn={"id": "U"})):
        one.say(dialect)
    for one in (turn_started(), notice("item/started", turnId="U", item=ITEM), turn_completed()):
        one.say(dialect)
    first, *_ = printed("one\n").say(dialect)
    assert first == TurnStarted(gives_way=True)


def test_a_turn_of_codexs_own_takes_the_place_of_such_a_turn_and_its_own_end_ends_it():
    assert (
        printing()
        >> turn_started("V")
        >> ended()
        << "item.completed itm_4 c#result2 tool_result tool failed in itm_2"
        << BackgroundChanged()
        >> turn_completed(turn="V")
        << "turn.ended turn_2 completed"
    )


def test_what_it_prints_in_a_later_turn_is_told_there():
    dialect = Codex(SPEC)

    def told(*said: Any) -> list[str]:
        effects = [effect for one in said for effect in one.say(dialect)]
        drafts = [effect for effect in effects if isinstance(effect, ItemStarted | ItemDelta | ItemCompleted)]
        return [f"{type(draft).__name__} {draft.native_id}" for draft in drafts]

    told(answer("thread_1", thread={"id": "T"}), prompts("hi"), answer("turn_2", turn={"id": "U"}), turn_started())
    told(notice("item/started", turnId="U", item=ITEM), turn_completed())
    told(prompts("again", 2), answer("turn_3", turn={"id": "V"}), turn_started("V"))
    assert told(printed("one\n")) == ["ItemStarted c#result2", "ItemDelta c#result2"]
    assert told(turn_completed(turn="V")) == ["ItemCompleted c#result2"]
    # Nothing came in this one.
    told(prompts("again", 3), answer("turn_4", turn={"id": "X"}), turn_started("X"))
    assert told(turn_completed(turn="X")) == []
    # The ledger drops the repeated call.
    assert told(ended()) == ["ItemCompleted c", "ItemCompleted c#result3"]


def test_a_sub_agent_that_outlives_the_turn_speaks_in_one_of_the_agents_own():
    said = {"type": "agentMessage", "id": "m", "text": "done"}
    assert (
        with_helper()
        >> notice("item/completed", "sub", turnId="W", item=said)
        << "S turn.started turn_2"
        << "S item.started itm_4 m message assistant in itm_2 'done'"
        << "S item.delta itm_4 'done'"
        << "item.completed itm_4 m message assistant completed in itm_2 'done'"
        >> turn_completed(turn="W", thread="sub")
        << BackgroundChanged()
        << "S turn.ended turn_2 completed"
    )


def test_what_a_sub_agent_tells_as_status_opens_no_turn():
    assert (
        with_helper()
        >> notice("warning", "sub", message="hot")
        << "S item.started itm_4 status_seed_1 status system in itm_2"
        << "item.completed itm_4 status_seed_1 status system completed in itm_2"
        >> turn_completed(turn="W", thread="sub")
        << BackgroundChanged()
    )


def test_a_command_of_a_sub_agent_counts_by_itself_when_the_sub_agent_is_done():
    playbook = (
        with_helper()
        >> notice("item/started", "sub", turnId="W", item=ITEM)
        << "S turn.started turn_2"
        << "item.started itm_4 c tool_call assistant in itm_2"
        << "item.completed itm_4 c tool_call assistant completed in itm_2"
        << "item.started itm_5 c#result tool_result tool in itm_4"
        >> turn_completed(turn="W", thread="sub")
        << BackgroundChanged((COMMAND,))
    )
    assert playbook >> interrupts() << cleaned(3, "sub")


def test_an_interrupt_between_turns_ends_it_all():
    assert (
        left()
        >> interrupts()
        << cleaned(3)
        >> answer("stop_3")
        >> ended()
        << "S turn.started turn_2"
        << "S item.started itm_4 c#result2 tool_result tool in itm_2"
        << "item.completed itm_4 c#result2 tool_result tool failed in itm_2"
        << BackgroundChanged()
        << "S turn.ended turn_2 interrupted"
    )
    assert (
        with_helper()
        >> interrupts()
        << writes(request("stop_3", "turn/interrupt", threadId="sub", turnId="W"))
        << cleaned(4, "sub")
        >> turn_completed("interrupted", "W", "sub")
        << BackgroundChanged()
    )


def test_a_turn_of_what_goes_on_ends_interrupted():
    assert (
        printing()
        >> interrupts()
        << cleaned(3)
        >> answer("stop_3")
        >> ended()
        << "item.completed itm_4 c#result2 tool_result tool failed in itm_2"
        << BackgroundChanged()
        << "S turn.ended turn_2 interrupted"
    )


def test_an_interrupt_of_a_turn_leaves_nothing_and_what_comes_later_opens_no_turn():
    assert (
        serving()
        >> interrupts()
        << interrupt()
        >> turn_completed("interrupted")
        << clean()
        >> answer("clean_4")
        << "S item.completed itm_3 c#result tool_result tool failed in itm_2"
        << "turn.ended turn_1 interrupted"
        >> ended()
        >> printed("more")
    )


def test_a_command_that_no_process_runs_is_no_work():
    item = {name: value for name, value in ITEM.items() if name != "processId"}
    assert (
        running()
        >> notice("item/started", turnId="U", item=item)
        << "item.started itm_2 c tool_call assistant"
        << "item.completed itm_2 c tool_call assistant completed"
        << "item.started itm_3 c#result tool_result tool in itm_2"
        >> turn_completed()
        << "S item.completed itm_3 c#result tool_result tool completed in itm_2"
        << "turn.ended turn_1 completed"
    )


def test_lists_without_end_and_texts_without_end_are_bounded():
    dialect = Codex(SPEC)
    for one in (answer("thread_1", thread={"id": "T"}), prompts("hi"), answer("turn_2", turn={"id": "U"})):
        one.say(dialect)
    turn_started().say(dialect)
    for number in range(MOST_TASKS + 10):
        item = {**ITEM, "id": f"c{number}", "processId": "9" * 10_000 + str(number), "command": "x" * 10_000}
        notice("item/started", turnId="U", item=item).say(dialect)
    (changed,) = [e for e in turn_completed().say(dialect) if isinstance(e, BackgroundChanged)]
    assert len(changed.tasks) == MOST_TASKS
    assert max(len(task.description) for task in changed.tasks) <= MAX_DESCRIPTION
    assert max(len(task.task_id) for task in changed.tasks) < 1000
