"""Claude's work in the background: which is told, the turn in which its items come, and how an interrupt ends it."""

from typing import Any

from sandbox_agent.schema.agents.claude.dialect import Claude
from sandbox_agent.schema.agents.effects import BackgroundChanged, RequestPermission, TurnEnded, TurnStarted
from sandbox_agent.schema.background import MAX_DESCRIPTION, MOST_TASKS, BackgroundTask
from sandbox_agent.schema.bounds import MAX_ITEM_ID

from ...playbook import Playbook, any_of, interrupts, prompts, says, writes
from .spec import SPEC
from .test_dialect import INITIALIZED, INTERRUPT, idle, init, result, status, text

SHELL = BackgroundTask("b1", "local_bash", "a server")
HELPER = BackgroundTask("a1", "local_agent", "a helper")


def listed(*tasks: BackgroundTask, **members: Any) -> dict[str, Any]:
    told = [{"task_id": t.task_id, "task_type": t.kind, "description": t.description, **members} for t in tasks]
    return status("background_tasks_changed", tasks=told)


def helper(said: str) -> dict[str, Any]:
    message = {"id": f"m {said}", "content": [text(said)]}
    return {"type": "assistant", "message": message, "parent_tool_use_id": "toolu", "agent_id": "a1"}


def leave(request_id: str, agent: str) -> dict[str, Any]:
    request = {"subtype": "can_use_tool", "tool_name": "Bash", "tool_use_id": "t", "input": {}, "agent_id": agent}
    return {"type": "control_request", "request_id": request_id, "request": request}


def stop(number: int, task: BackgroundTask) -> dict[str, Any]:
    request = {"subtype": "stop_task", "task_id": task.task_id}
    return {"type": "control_request", "request_id": f"stop_{number}", "request": request}


def ready() -> Claude:
    dialect = Claude(SPEC)
    says(INITIALIZED).say(dialect)
    return dialect


def with_helper() -> Playbook:
    """Between turns, with a sub-agent that goes on."""
    return idle() >> says(listed(HELPER)) << BackgroundChanged((HELPER,))


def spoken(playbook: Playbook, words: str, item: int) -> Playbook:
    started = f"S item.started itm_{item} m {words}#0 message assistant '{words}'"
    completed = f"item.completed itm_{item} m {words}#0 message assistant completed '{words}'"
    return playbook << started << f"S item.delta itm_{item} '{words}'" << completed


def test_the_list_is_told_when_it_is_another_one():
    assert (
        idle()
        >> says(listed(SHELL, HELPER))
        << BackgroundChanged((SHELL, HELPER))
        >> says(listed(SHELL, HELPER))
        >> says(listed(HELPER))
        << BackgroundChanged((HELPER,))
        >> says(listed())
        << BackgroundChanged()
    )


def test_what_claude_does_for_itself_is_no_work():
    assert idle() >> says(listed(SHELL, ambient=True)) >> says(status("background_tasks_changed", tasks=[7, {}, None]))


def test_lists_without_end_and_texts_without_end_are_bounded():
    tasks = [BackgroundTask(f"{n}", "k" * 10_000, "d" * 10_000) for n in range(MOST_TASKS + 10)]
    dialect = Claude(SPEC)
    (changed,) = says(listed(*tasks)).say(dialect)
    assert isinstance(changed, BackgroundChanged)
    assert len(changed.tasks) == MOST_TASKS
    assert max(len(task.description) for task in changed.tasks) <= MAX_DESCRIPTION
    assert len(dialect.interrupt()) == MOST_TASKS + 1
    # One whose id is too long could not be named again.
    assert says(listed(BackgroundTask("x" * (MAX_ITEM_ID + 1), "k", "d"))).say(dialect) == [BackgroundChanged()]


def test_what_comes_between_turns_has_a_turn_that_lasts_as_long_as_the_work():
    playbook = with_helper() >> says(helper("one")) << "S turn.started turn_1"
    playbook = spoken(playbook, "one", 1)
    playbook = spoken(playbook >> says(helper("two")), "two", 2)
    assert playbook >> says(listed()) << BackgroundChanged() << "S turn.ended turn_1 completed"


def test_an_ask_between_turns_has_a_turn_too():
    assert (
        with_helper()
        >> says(leave("r1", "a1"))
        << "S turn.started turn_1"
        << any_of(RequestPermission)
        >> says(listed())
        << BackgroundChanged()
        << "S turn.ended turn_1 completed"
    )


def test_what_comes_when_nothing_goes_on_any_more_is_a_turn_by_itself():
    playbook = spoken(idle() >> says(helper("late")) << "S turn.started turn_1", "late", 1)
    assert playbook << "S turn.ended turn_1 completed"


def test_a_line_that_tells_nothing_opens_no_turn():
    remark = {"role": "user", "content": [text("[Request interrupted by user]")]}
    assert idle() >> says({"type": "user", "message": remark, "parent_tool_use_id": "toolu"})


def test_such_a_turn_gives_way_until_claude_begins_to_speak_itself():
    dialect = ready()
    says(listed(HELPER)).say(dialect)
    first, *_ = says(helper("one")).say(dialect)
    assert first == TurnStarted(gives_way=True)
    began = says(init()).say(dialect)[-1]
    assert isinstance(began, TurnStarted)
    assert not began.gives_way
    # It is claude's own now, and its result ends it, whatever goes on.
    assert isinstance(says(result()).say(dialect)[-1], TurnEnded)


def test_a_prompt_takes_the_place_of_such_a_turn_and_its_own_result_ends_it():
    dialect = ready()
    says(listed(HELPER)).say(dialect)
    says(helper("one")).say(dialect)
    prompts("hi").say(dialect)
    # The work ends during the prompt's turn: that goes on.
    assert says(listed()).say(dialect) == [BackgroundChanged()]
    assert isinstance(says(result()).say(dialect)[-1], TurnEnded)


def test_an_interrupt_between_turns_stops_what_goes_on():
    assert (
        idle()
        >> says(listed(HELPER, SHELL))
        << BackgroundChanged((HELPER, SHELL))
        >> interrupts()
        << writes(INTERRUPT)
        << writes(stop(1, SHELL))
        >> says(listed())
        << BackgroundChanged()
        # One that had ended meanwhile.
        >> says({"type": "control_response", "response": {"subtype": "error", "request_id": "stop_1", "error": "no"}})
        >> interrupts()
    )


def test_a_turn_of_what_goes_on_ends_interrupted():
    playbook = spoken(with_helper() >> says(helper("one")) << "S turn.started turn_1", "one", 1)
    assert (
        playbook
        >> interrupts()
        << writes(INTERRUPT)
        >> says(listed())
        << BackgroundChanged()
        << "S turn.ended turn_1 interrupted"
    )
