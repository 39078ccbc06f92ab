"""The debug lines that show what an agent said and what its dialect made of it."""

import pytest
from structlog.testing import capture_logs

from sandbox_agent.actors.agents.trace import LINE, TEXT, Trace
from sandbox_agent.actors.processes.line_splitter import OversizedLine
from sandbox_agent.schema.agents.effects import CallHttp, ItemCompleted, ItemDelta, Reach, TurnEnded, Write
from sandbox_agent.schema.items import TextPart
from sandbox_agent.schema.redaction.redactor import Redactor
from sandbox_agent.schema.redaction.values import certain

from ..approvals.test_elicitation import FILLED_IN, asked
from ..house import house

KEY = "aKey-0123456789abcdef"

REDACTOR = Redactor(certain(KEY))


def lines_of(logged: list[dict[str, object]]) -> list[str]:
    return [str(line["event"]) for line in logged if str(line["event"])[:3] in ("<< ", ">> ")]


async def test_each_line_of_an_agent_and_each_effect_is_shown_in_order():
    with capture_logs() as logged:
        async with house(trace=True) as h:
            log = await h.create()
            await h.turn(log, "markdown")
    lines = lines_of(logged)  # pyright: ignore[reportArgumentType]
    delta = next(n for n, line in enumerate(lines) if line.startswith(">> ItemDelta(native_id="))
    assert lines[delta - 1].startswith('<< {"type":"delta"')
    assert '>> Write(data="{\\"type\\":\\"prompt\\"' in "\n".join(lines)
    assert lines[-1].startswith(">> ")
    assert any(line.startswith(">> TurnEnded(") for line in lines)


async def test_nothing_is_shown_unless_it_is_asked_for():
    with capture_logs() as logged:
        async with house() as h:
            await h.turn(await h.create(), "echo hi")
    assert lines_of(logged) == []  # pyright: ignore[reportArgumentType]


async def test_a_secret_of_the_environment_is_masked():
    with capture_logs() as logged:
        async with house({"LAB_API_KEY": KEY}, trace=True) as h:
            await h.turn(await h.create(), f"echo {KEY}")
    assert "<< " in "".join(lines_of(logged))  # pyright: ignore[reportArgumentType]
    assert KEY not in str(logged)


async def test_a_secret_answer_is_not_shown_however_short_it_is():
    with capture_logs() as logged:
        async with house(trace=True) as h:
            log, data = await asked(h)
            answers = (*FILLED_IN[:-1], ("4711",))
            await h.daemon.reply_question("s", data["question_id"], answers)
            await h.until_type(log, "turn.ended")
    assert ">> Write([redacted])" in lines_of(logged)  # pyright: ignore[reportArgumentType]
    assert "4711" not in str(lines_of(logged))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("effect", "line"),
    [
        (ItemDelta("a", "x\ny", raw=b"{}"), '>> ItemDelta(native_id="a", delta="x\\ny")'),
        (Write(KEY.encode() + b"\n"), '>> Write(data="[redacted]\\n")'),
        (Write(b"x" * 2000), f'>> Write(data="{"x" * 1024}" ... (2000))'),
        (Reach("http://127.0.0.1:1", "user", "a password"), '>> Reach(base_url="http://127.0.0.1:1", username="user")'),
        (CallHttp("1", "GET", "/x"), '>> CallHttp(call_id="1", method="GET", path="/x")'),
        (TurnEnded("completed", {"usage": {"output": 3}}), '>> TurnEnded(metadata={"usage": {"output": 3}})'),
        (
            ItemCompleted("a", "message", "user", (TextPart("hi"),)),
            '>> ItemCompleted(native_id="a", kind="message", role="user", content=[TextPart(text="hi")])',
        ),
    ],
)
def test_an_effect_is_shown_in_a_line(effect: object, line: str):
    with capture_logs() as logged:
        Trace(enabled=True).made([effect], REDACTOR, secret=False)  # type: ignore[list-item] # pyright: ignore
    assert [entry["event"] for entry in logged] == [line]


def test_what_is_long_is_cut():
    parts = tuple(TextPart("x" * 1000) for _ in range(100))
    with capture_logs() as logged:
        trace = Trace(enabled=True)
        trace.made([ItemCompleted("a", "message", "user", parts)], REDACTOR, secret=False)
        trace.said(b"y" * 10_000, REDACTOR)
        trace.said(OversizedLine(b"zzz", 50_000_000), REDACTOR)
    effect, line, oversized = [str(entry["event"]) for entry in logged]
    assert len(effect) <= LINE + len(">> ")
    assert line == f"<< {'y' * LINE} ... (10000 bytes)"
    assert oversized == "<< zzz ... (50000000 bytes)"


def test_a_secret_that_the_cut_divides_is_masked():
    line = b"x" * (LINE - 15) + KEY.encode() + b"y" * 100
    with capture_logs() as logged:
        Trace(enabled=True).said(line, REDACTOR)
    assert KEY[:12] not in str(logged)


def test_a_secret_that_the_cut_of_a_text_divides_is_masked():
    with capture_logs() as logged:
        Trace(enabled=True).made([Write(b"x" * (TEXT - 15) + KEY.encode() + b"y" * 100)], REDACTOR, secret=False)
    assert KEY[:12] not in str(logged)


def test_it_says_what_it_is():
    assert repr(Trace(enabled=True)) == "<Trace enabled>"
