"""The mock program's script, played by the real process against the real dialect."""

import pytest
import trio

from sandbox_agent.schema.agents.dialect import Attachment, Prompt
from sandbox_agent.schema.agents.effects import RequestPermission, RequestQuestion, Write
from sandbox_agent.schema.items import FileRefPart, ImagePart, ReasoningPart, ToolResultPart

from .talk import events, mock_spec, talking, told, types

ITEM = ["item.started", "item.completed"]
MESSAGE = ["item.started", "S item.delta", "item.completed"]
STARTED = ["S turn.started", *ITEM]
ENDED = ["S turn.ended"]


async def test_every_command_plays_its_part_of_the_script():
    parts = {
        "help": MESSAGE,
        "markdown": ["item.started", *["item.delta"] * 7, "item.completed"],
        "tool": ITEM * 2,
        "TOOLS now": ITEM * 2,
        "tooling": ITEM * 2,
        "status": ITEM,
        "image": MESSAGE,
        "unknown": ITEM,
        "error": ["S error", "S agent.unparsed"],
        "unparsed": ["S agent.unparsed"],
        "echo hello": MESSAGE,
        "something else": MESSAGE,
        "sleep 0": ITEM * 2,
        "stderr 3": MESSAGE,
        "burst 2 10": ["item.started", "item.delta", "item.delta", "item.completed"],
        "pace 2 1000 10": ["item.started", "item.delta", "item.delta", "item.completed"],
        "  ": None,
    }
    async with talking() as mock:
        for prompt, part in parts.items():
            want = [*STARTED, *part, *ENDED] if part is not None else ["S turn.started", *ENDED]
            assert types(await mock.turn(prompt)) == want, prompt


async def test_demo_is_67_events_and_shows_every_kind_of_item():
    async with talking() as mock:
        heard = await mock.turn("demo")
    session_started = 1
    assert len(heard) + session_started == 67
    items = [event.data.item for event in events(heard) if event.type == "item.completed"]
    assert {item.kind for item in items} == {"message", "tool_call", "tool_result", "system", "status", "unknown"}
    parts = {part.type for item in items for part in item.content}
    assert parts == {"text", "json", "tool_call", "tool_result", "file_ref", "reasoning", "image", "status"}
    assert [item.native_item_id for item in items if "marker" in item.native_item_id] == [
        f"mock_1_marker_{n}" for n in range(1, 11)
    ]
    assert mock.dialect._approvals, "demo does not wait, so its asks stay open after the turn"


async def test_ids_of_a_second_turn_do_not_repeat_those_of_the_first():
    async with talking() as mock:
        first, second = await mock.turn("demo"), await mock.turn("demo")
    ids = [[e.data.item.native_item_id for e in events(h) if e.type == "item.started"] for h in (first, second)]
    asks = [{one.permission_id for one in h if isinstance(one, RequestPermission)} for h in (first, second)]
    assert not set(ids[0]) & set(ids[1])
    assert not asks[0] & asks[1]


@pytest.mark.parametrize(
    ("prompt", "item", "text"),
    [
        ("Reply with exactly the single word OK.", "ok", "OK"),
        ("reply with exactly the word first.", "first", "FIRST"),
        ("Reply with exactly the word SECOND.", "second", "SECOND"),
        ("echo  two  words", "reply", "two  words"),
        ("say so", "reply", "so"),
        ("Echo", "reply", ""),
        ("How are you?\nFine?", "reply", "How are you?\nFine?"),
    ],
)
async def test_a_prompt_with_one_answer_gets_it(prompt: str, item: str, text: str):
    async with talking() as mock:
        heard = await mock.turn(prompt)
    answer = f"item.completed itm_2 mock_1_{item} message assistant completed"
    assert told(heard)[-2] == (f"{answer} {text!r}" if text else answer)


async def test_the_fixed_prompts_for_reasoning_and_status_play_those_parts():
    async with talking() as mock:
        rich = events(await mock.turn("Answer briefly and include your reasoning."))
        status = await mock.turn("Provide a short status update.")
    assert any(isinstance(part, ReasoningPart) for part in rich[-2].data.item.content)
    assert [(e.data.item.kind, e.data.item.content[0].label) for e in events(status)[3:5]] == [
        ("status", "Indexing"),
        ("status", "Done"),
    ]


async def test_a_tool_result_fails_with_three_file_refs():
    async with talking() as mock:
        heard = events(await mock.turn("tool"))
    call, result = heard[4].data.item, heard[6].data.item
    assert (call.content[0].name, call.content[0].arguments) == ("mock.search", '{"query":"example"}')
    assert result.status == "failed"
    assert isinstance(result.content[0], ToolResultPart)
    assert result.content[0].call_id == call.content[0].call_id
    assert [part.action for part in result.content if isinstance(part, FileRefPart)] == ["read", "write", "patch"]


async def test_an_image_is_a_real_one():
    async with talking() as mock:
        heard = events(await mock.turn("image"))
    [image] = [part for part in heard[-2].data.item.content if isinstance(part, ImagePart)]
    assert image.mime == "image/png"
    assert image.path.startswith("data:image/png;base64,")


async def test_attachments_stand_below_the_text_of_the_prompt():
    async with talking() as mock:
        heard = await mock.turn("look ", attachments=(Attachment("/tmp/a b.txt", None, None),))
    assert told(heard)[1].endswith("message user 'look \\n\\nAttachments:\\n- /tmp/a b.txt'")


async def test_a_huge_prompt_is_echoed_whole():
    prompt = "x" * 2_000_000
    async with talking() as mock:
        heard = events(await mock.turn(prompt))
    assert heard[-2].data.item.content[0].text == prompt


async def test_wrong_arguments_fail_the_turn_and_tell_the_usage():
    async with talking() as mock:
        for prompt in (
            "burst",
            "burst x 1",
            "burst 1 0",
            "pace 1 0 1",
            "pace 1 2",
            "crash ten",
            "sleep",
            "hang softly",
        ):
            heard = told(await mock.turn(prompt))
            assert "Usage: " + prompt.split()[0] in heard[-2], prompt
            assert heard[-1].endswith(" failed"), prompt


async def test_help_names_every_command_once():
    async with talking() as mock:
        heard = events(await mock.turn("help"))
    text = heard[-2].data.item.content[0].text
    for command in ("demo", "markdown", "permission", "question", "burst", "pace", "crash", "hang", "spawn", "garbage"):
        assert f"\n{command}" in text


async def test_end_ends_the_turn_the_session_and_the_program():
    async with talking() as mock:
        await mock.prompt("end")
        heard = await mock.until("session.ended")
        assert told(heard)[-2:] == ["S turn.ended turn_1 completed", "S session.ended completed by agent"]
        assert await mock.rest() == []
        assert await mock.process.wait() == 0


async def test_prompts_wait_for_the_running_turn():
    async with talking() as mock:
        assert mock.process.stdin is not None
        for number, prompt in ((1, "sleep 0.05"), (2, "echo second")):
            line = f'{{"type":"prompt","number":{number},"text":"{prompt}"}}\n'
            await mock.process.stdin.send_all(line.encode())
        first = await mock.until("mock_2_user")
        assert "item.completed itm_3 mock_1_tool_result tool_result tool completed" in told(first)
        await mock.until("'second'")


async def test_an_interrupt_that_comes_together_with_its_prompt_ends_that_turn():
    async with talking() as mock:
        both = [*mock.dialect.prompt(Prompt(1, "hang")), *mock.dialect.interrupt()]
        data = b"".join(effect.data for effect in both if isinstance(effect, Write))
        await mock.carry_out([*(e for e in both if not isinstance(e, Write)), Write(data)])
        assert told(await mock.until("turn.ended"))[-1] == "S turn.ended turn_1 interrupted"
        assert told(await mock.turn("echo on"))[-1] == "S turn.ended turn_2 completed"


async def test_steps_pause_as_long_as_the_setting_says():
    async with talking(mock_spec("30")) as mock:
        start = trio.current_time()
        await mock.turn("status")
        assert trio.current_time() - start >= 0.030 * 4  # two lines of the user's item, two of the status


async def test_an_ask_of_the_tool_prompt_does_not_hold_up_the_tool():
    prompt = "Use the bash tool to run `ls` in the current directory. Do not answer without using the tool."
    async with talking() as mock:
        heard = await mock.turn(prompt)
        assert types(heard) == [*STARTED, "RequestPermission", *ITEM * 2, *ENDED]
        [ask] = [one for one in heard if isinstance(one, RequestPermission)]
        assert (ask.permission_id, ask.action) == ("mock_1_permission", "command_execution")
        assert ask.metadata == {"codexRequestKind": "commandExecution", "command": "ls"}
        await mock.carry_out(mock.dialect.answer_permission(ask.permission_id, "once"))
        assert types(await mock.turn("unparsed")) == [*STARTED, "S agent.unparsed", *ENDED]


async def test_late_answers_to_demo_are_taken_in_silence():
    async with talking() as mock:
        for one in await mock.turn("demo"):
            if isinstance(one, RequestPermission):
                await mock.carry_out(mock.dialect.answer_permission(one.permission_id, "always"))
            if isinstance(one, RequestQuestion):
                await mock.carry_out(mock.dialect.answer_question(one.data.question_id, [["Red"]]))
        assert types(await mock.turn("unparsed")) == [*STARTED, "S agent.unparsed", *ENDED]
