"""The mock program's bad days, and its load."""

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from sandbox_agent.schema.agents.effects import ItemDelta
from sandbox_agent.schema.agents.mock.dialect import Mock

from ...patience import PATIENCE
from ...schema.agents.cost import cost
from .talk import PROGRAM, events, mock_spec, talking, told, types

HUGE_LINE_BYTES = 50_000_000


def deltas(heard: list) -> list[str]:
    return [event.data.delta for event in events(heard) if event.type == "item.delta" and not event.synthetic]


async def test_burst_says_each_delta_once_in_order_and_in_its_exact_size():
    async with talking() as mock:
        said = deltas(await mock.turn("burst 20000 12"))
    assert said == [f"{n} ".ljust(12, ".") for n in range(20_000)]


PLAIN = """
import os
for first in range(0, 400_000, 400):
    texts = [f"{number} ".ljust(300, ".") for number in range(first, first + 400)]
    lines = [b'{"type":"delta","id":"x","text":"%b"}\\n' % text.encode() for text in texts]
    os.write(1, b"".join(lines))
"""


def cpu_of_children() -> float:
    """Seconds, of those that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def test_burst_costs_little_more_than_to_write_its_lines():
    """In CPU time, and as others have it: the machine may be busy with other things."""
    before = cpu_of_children()
    subprocess.run([sys.executable, "-c", PLAIN], stdout=subprocess.DEVNULL, check=True, timeout=PATIENCE)
    plain = cpu_of_children() - before
    async with talking() as mock:
        await mock.prompt("burst 400000 300")
        lines = 0
        assert mock.process.stdout is not None
        async for chunk in mock.process.stdout:
            lines += bytes(chunk).count(b"\n")
            if b"turn_ended" in chunk:
                break
        ticks = sum(map(int, Path(f"/proc/{mock.process.pid}/stat").read_text().split()[13:15]))
    assert lines >= 400_000
    used = ticks / os.sysconf("SC_CLK_TCK")
    assert used < 3 * plain


async def test_pace_stamps_each_delta_with_the_time_of_its_writing():
    async with talking() as mock:
        heard = await mock.turn("pace 50 1000 64")
    said = deltas(heard)
    stamps = [int(delta.split()[0].removeprefix("t=")) for delta in said]
    assert {len(delta) for delta in said} == {64}
    assert stamps == sorted(stamps)
    assert stamps[-1] - stamps[0] >= 0.9 * 49 * 1_000_000


@pytest.mark.parametrize(
    ("prompt", "code"), [("crash", 1), ("crash 7", 7), ("crash 0", 0), ("crash KILL", -signal.SIGKILL)]
)
async def test_crash_ends_the_program_in_mid_message(prompt: str, code: int):
    async with talking() as mock:
        await mock.prompt(prompt)
        heard = await mock.until("item.delta itm_2")
        assert await mock.rest() == []
        assert await mock.process.wait() == code
    assert types(heard)[-2:] == ["item.started", "item.delta"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_a_hang_without_a_word(number: signal.Signals):
    async with talking(stderr=-1) as mock:
        await mock.prompt("hang")
        await mock.until("item.started itm_2")
        mock.process.send_signal(number)
        assert await mock.process.wait() == -number
        assert await mock.process.stderr.receive_some() == b""
        await mock.process.stderr.aclose()


async def test_hang_hard_is_deaf_to_all_but_sigkill():
    async with talking() as mock:
        await mock.prompt("hang hard")
        await mock.until("Deaf")
        await mock.carry_out(mock.dialect.interrupt())
        await mock.process.stdin.aclose()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            mock.process.send_signal(number)
        status = Path(f"/proc/{mock.process.pid}/status").read_text()
        [ignored] = [int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigIgn")]
        assert all(ignored & 1 << (n - 1) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        with trio.move_on_after(0.1) as patience:
            await mock.process.wait()
        assert patience.cancelled_caught
        mock.process.kill()
        assert await mock.process.wait() == -signal.SIGKILL


async def test_spawn_leaves_four_processes_of_four_kinds():
    async with talking() as mock:
        heard = events(await mock.turn("spawn"))
        pids = json.loads(heard[-2].data.item.content[0].text)
        try:
            assert list(pids) == ["sleeper", "setsid", "ignores_sigterm", "double_forked"]
            assert {Path(f"/proc/{pid}/comm").read_text() for pid in pids.values()} == {"sleep\n"}
            own = os.getsid(mock.process.pid)
            assert [os.getsid(pid) == own for pid in pids.values()] == [True, False, True, True]
            assert [parent_of(pid) == mock.process.pid for pid in pids.values()] == [True, True, True, False]
            os.kill(pids["ignores_sigterm"], signal.SIGTERM)
            os.kill(pids["sleeper"], signal.SIGTERM)
            while state_of(pids["sleeper"]) != "Z":
                await trio.sleep(0.001)
            assert state_of(pids["ignores_sigterm"]) == "S"
        finally:
            for pid in pids.values():
                os.kill(pid, signal.SIGKILL)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def state_of(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


async def test_garbage_is_unparsed_and_the_reply_after_it_whole():
    async with talking() as mock:
        heard = events(await mock.turn("garbage"))
    assert told(heard)[-1] == "S turn.ended turn_1 completed"
    assert "'That was all the garbage.'" in told(heard)[-2]
    unparsed = [event for event in heard if event.type == "agent.unparsed"]
    assert [event.data.error.split(":")[0] for event in unparsed] == ["not JSON"] * 3 + ["unsupported payload"]
    assert len(unparsed[-1].raw) > HUGE_LINE_BYTES
    assert deltas(heard) == ["whole again"]


async def test_stderr_writes_lines_on_the_terminal():
    async with talking(stderr=-1) as mock:
        await mock.turn("stderr 3")
        await mock.process.stdin.aclose()
        said = b"".join([bytes(chunk) async for chunk in mock.process.stderr])
        await mock.process.stderr.aclose()
    assert said == b"".join(b"mock: line %d on the terminal\n" % n for n in (1, 2, 3))


async def test_a_start_imports_nothing_heavy():
    """200 of them start at once: 30 ms of CPU each, and no library that is not needed."""
    with trio.fail_after(PATIENCE):
        argv = [PROGRAM[0], "-X", "importtime", *PROGRAM[1:], "--step-ms", "0"]
        done = await trio.run_process(argv, capture_stdout=True, capture_stderr=True)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines()}
    ours = {name for name in imported if name.startswith("sandbox_agent.")}
    heavy = {
        "dataclasses",
        "inspect",
        "asyncio",
        "trio",
        "attrs",
        "msgspec",
        "argparse",
        "socket",
        "importlib.metadata",
    }
    assert imported & heavy == set()
    assert all(name.startswith("sandbox_agent.actors") for name in ours), ours


async def test_wrong_arguments_are_refused_with_the_usage():
    for wrong in (
        ["--step-ms"],
        ["--start"],
        ["--start", "well"],
        ["--step-ms", "x"],
        ["--step-ms", "-1"],
        ["--step-ms", "nan"],
        ["--help"],
    ):
        with trio.fail_after(PATIENCE):
            done = await trio.run_process([*PROGRAM, *wrong], check=False, capture_stderr=True)
        assert done.returncode == 2, wrong
        assert b"usage: python -m sandbox_agent.actors.mock" in done.stderr


def test_a_delta_costs_little_more_than_its_json():
    dialect = Mock(mock_spec())
    line = b'{"type":"delta","id":"mock_1_burst","text":"%b"}' % (b"x" * 300)
    assert dialect.receive(line) == (ItemDelta("mock_1_burst", "x" * 300, raw=line),)
    assert cost(dialect.receive, line) < 4
