"""The mock program waits for humans, and can be stopped while it waits or works."""

import pytest
import trio

from sandbox_agent.schema.agents.effects import RequestPermission, RequestQuestion, WithdrawApproval

from .talk import Talk, mock_spec, talking, told, types

LIST_FILES = "List files in the current directory using available tools."
QUESTIONS = (
    "Use the AskUserQuestion tool to ask exactly one yes/no question, then wait for a reply. Do not answer yourself.",
    "Call the AskUserQuestion tool with exactly one yes/no question and wait for a reply. Do not answer yourself.",
)


async def asked(mock: Talk, prompt: str, count: int) -> list[RequestPermission | RequestQuestion]:
    heard = await mock.prompt(prompt)
    while len(asks := [one for one in heard if isinstance(one, RequestPermission | RequestQuestion)]) < count:
        heard += await mock.until("Request")
    return asks


async def test_permission_waits_for_both_answers_and_reports_them():
    async with talking() as mock:
        first, second = await asked(mock, "permissions", 2)
        assert (first.permission_id, first.action, first.metadata) == (
            "mock_1_permission",
            "command_execution",
            {"command": "echo mock"},
        )
        assert (second.permission_id, second.action, second.metadata) == (
            "mock_1_permission_denied",
            "file_change",
            {"path": "mock_1/deny.txt"},
        )
        await mock.carry_out(mock.dialect.answer_permission(second.permission_id, "reject"))
        await mock.carry_out(mock.dialect.answer_permission(first.permission_id, "always"))
        heard = told(await mock.until("turn.ended"))
        assert "'mock_1_permission: always\\nmock_1_permission_denied: reject'" in heard[-2]
        assert heard[-1] == "S turn.ended turn_1 completed"


async def test_question_waits_for_both_answers_and_reports_them():
    async with talking() as mock:
        first, second = await asked(mock, "question", 2)
        assert (first.data.prompt, first.data.options) == ("Choose a color", ("Red", "Blue"))
        assert (second.data.prompt, second.data.options) == ("Allow mock experiment?", ("Yes", "No"))
        assert second.data.question_id == "mock_1_question_reject"
        await mock.carry_out(mock.dialect.answer_question(first.data.question_id, [["Red", "Blue"]]))
        await mock.carry_out(mock.dialect.answer_question(second.data.question_id, None))
        heard = told(await mock.until("turn.ended"))
        assert "'mock_1_question: Red, Blue\\nmock_1_question_reject: reject'" in heard[-2]


async def test_a_missing_answer_keeps_the_turn_open():
    async with talking() as mock:
        first, _ = await asked(mock, "permission", 2)
        await mock.carry_out(mock.dialect.answer_permission(first.permission_id, "once"))
        with pytest.raises(trio.TooSlowError), trio.fail_after(0.05):
            await mock.until("turn.ended")


async def test_the_fixed_prompts_ask_and_wait():
    async with talking() as mock:
        [files] = await asked(mock, LIST_FILES, 1)
        assert files.metadata == {"codexRequestKind": "commandExecution", "command": "ls"}
        await mock.carry_out(mock.dialect.answer_permission(files.permission_id, "once"))
        assert "'mock_1_permission: once'" in told(await mock.until("turn.ended"))[-2]


@pytest.mark.parametrize("prompt", [*QUESTIONS, QUESTIONS[0].upper(), f"  {QUESTIONS[1]}\n"])
@pytest.mark.parametrize(("answers", "said"), [([["Yes"]], "Yes"), ([["No"]], "No"), (None, "reject")])
async def test_the_fixed_question_is_asked_and_its_turn_goes_on_with_the_answer(
    prompt: str, answers: list[list[str]] | None, said: str
):
    async with talking() as mock:
        [question] = await asked(mock, prompt, 1)
        assert (question.data.question_id, question.data.prompt) == ("mock_1_question", "Proceed?")
        assert question.data.options == ("Yes", "No")
        await mock.carry_out(mock.dialect.answer_question(question.data.question_id, answers))
        heard = told(await mock.until("turn.ended"))
        assert f"'mock_1_question: {said}'" in heard[-2]
        assert heard[-1] == "S turn.ended turn_1 completed"


@pytest.mark.parametrize("prompt", [f"{QUESTIONS[0]} Or do.", "Call the AskUserQuestion tool.", QUESTIONS[1][:-1]])
async def test_what_is_no_fixed_prompt_is_echoed(prompt: str):
    async with talking() as mock:
        assert prompt in told(await mock.turn(prompt))[-2]


async def test_an_interrupt_withdraws_what_was_asked_and_not_answered():
    async with talking() as mock:
        first, second = await asked(mock, "permission", 2)
        await mock.carry_out(mock.dialect.answer_permission(first.permission_id, "once"))
        await mock.carry_out(mock.dialect.interrupt())
        heard = await mock.until("turn.ended")
        assert heard[:-1] == [WithdrawApproval(second.permission_id)]
        assert told(heard)[-1] == "S turn.ended turn_1 interrupted"


@pytest.mark.parametrize("prompt", ["hang", "sleep 1000", "pace 1000000 10 20"])
async def test_an_interrupt_ends_what_runs_and_the_next_turn_is_whole(prompt: str):
    async with talking() as mock:
        await mock.prompt(prompt)
        await mock.until("item.started itm_2")
        await mock.carry_out(mock.dialect.interrupt())
        heard = told(await mock.until("turn.ended"))
        assert heard[-2].startswith("S item.completed itm_2 ")
        assert " failed" in heard[-2]
        assert heard[-1] == "S turn.ended turn_1 interrupted"
        assert told(await mock.turn("echo on"))[-1] == "S turn.ended turn_2 completed"


async def test_an_interrupt_in_mid_script_leaves_the_rest_unsaid():
    async with talking(mock_spec("50")) as mock:
        await mock.prompt("demo")
        await mock.until("mock_1_marker_2")
        await mock.carry_out(mock.dialect.interrupt())
        heard = told(await mock.until("turn.ended"))
        assert heard[-1] == "S turn.ended turn_1 interrupted"
        assert not any("marker_4" in line for line in heard)


async def test_an_interrupt_between_turns_means_nothing():
    async with talking() as mock:
        await mock.carry_out(mock.dialect.interrupt())
        assert told(await mock.turn("echo on"))[-1] == "S turn.ended turn_1 completed"


@pytest.mark.parametrize("prompt", ["", "hang", "permission", "sleep 1000", "pace 1000000 10 20", "demo"])
async def test_the_end_of_stdin_ends_the_program_in_mid_turn(prompt: str):
    async with talking(mock_spec("50")) as mock:
        if prompt:
            await mock.prompt(prompt)
            await mock.until("mock_1_user")
        await mock.process.stdin.aclose()
        await mock.rest()
        assert await mock.process.wait() == 0


async def test_a_reader_that_is_gone_ends_the_program():
    async with talking() as mock:
        await mock.prompt("burst 10000000 100")
        await mock.until("item.started itm_2")
        await mock.process.stdout.aclose()
        assert await mock.process.wait() == 0


async def test_lines_that_nobody_understands_go_to_the_terminal_and_change_nothing():
    async with talking(stderr=-1) as mock:
        strange = (b"nonsense", b"[]", b'{"type":"prompt"}', b'{"type":"question","id":"a","answers":[1]}', b"\xff")
        for line in strange:
            await mock.process.stdin.send_all(line + b"\n")
        assert types(await mock.turn("unparsed"))[-1] == "S turn.ended"
        complaints = b""
        while complaints.count(b"not understood") < len(strange):
            complaints += await mock.process.stderr.receive_some()
        await mock.process.stderr.aclose()
