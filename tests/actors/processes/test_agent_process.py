"""Real processes: what an agent can do to the daemon, and that nothing of it is left afterwards."""

import os
import signal
import sys
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from sandbox_agent.actors.machine.owner import ProcessId
from sandbox_agent.actors.machine.process_rows import read_all, read_process
from sandbox_agent.actors.machine.signals import send_signal
from sandbox_agent.actors.processes.agent_process import AgentProcess, SpawnFailed
from sandbox_agent.actors.processes.ending import end_process
from sandbox_agent.actors.processes.line_splitter import OversizedLine
from sandbox_agent.actors.processes.table import ProcessTable
from sandbox_agent.schema.redaction.redactor import Redactor
from sandbox_agent.schema.redaction.values import of_environment
from sandbox_agent.schema.settings import Settings

from ...patience import PATIENCE

SETTINGS = Settings(end_eof=0.3, end_interrupt=0.3, end_terminate=0.5, end_kill=1.0)


@asynccontextmanager
async def running(code: str | list[str], settings: Settings = SETTINGS, **env: str) -> AsyncIterator[AgentProcess]:
    """A Python program as the agent; ended, with its tree, at the end."""
    process = await AgentProcess.spawn(
        [sys.executable, "-u", "-c", textwrap.dedent(code)] if isinstance(code, str) else code,
        {"PATH": os.environ["PATH"], **env},
        "/",
        f"marker-{os.getpid()}-{id(code)}",
        ProcessTable(),
        settings,
        redactor=Redactor(of_environment(env)),
    )
    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(process.watch)
            nursery.start_soon(process.write_outbox)
            nursery.start_soon(process.drain_terminal)
            try:
                yield process
            finally:
                with trio.CancelScope(shield=True):
                    await end_process(process, settings, polite=False)
                    await process.wait()
                    await process.aclose()
            nursery.cancel_scope.cancel()


async def all_lines(process: AgentProcess) -> list[bytes | OversizedLine]:
    got: list[bytes | OversizedLine] = []

    async def deliver(lines: list[bytes | OversizedLine]) -> None:
        got.extend(lines)

    await process.read(deliver)
    return got


async def first_line(process: AgentProcess) -> bytes:
    got: list[bytes | OversizedLine] = []

    async def deliver(lines: list[bytes | OversizedLine]) -> None:
        got.extend(lines)
        scope.cancel()

    with trio.CancelScope() as scope:
        await process.read(deliver)
    (line,) = got
    assert isinstance(line, bytes)
    return line


def alive(pid: int) -> bool:
    row = read_process(pid)
    return row is not None and not row.zombie


async def test_stdin_and_stdout_are_pipes_and_the_terminal_is_the_controlling_one():
    async with running("""
        import os
        print(os.isatty(0), os.isatty(1), os.isatty(2), os.getsid(0) == os.getpid())
        open("/dev/tty", "w").write("on the terminal")
    """) as process:
        assert await all_lines(process) == [b"False False True True"]
        await process.wait()
        assert process.terminal.text() == "on the terminal"


async def test_a_500_kb_line_goes_in_and_out_whole():
    async with running(
        "import sys; print(len(sys.stdin.readline())); sys.stdout.write('y' * 500_000 + '\\n')"
    ) as process:
        process.send(b"x" * 500_000 + b"\n")
        assert await all_lines(process) == [b"500001", b"y" * 500_000]


async def test_a_50_mb_line_is_told_and_not_kept():
    settings = Settings(max_line_bytes=1 << 20)
    code = "import sys; [sys.stdout.write('y' * 1_000_000) for _ in range(50)]; print(); print('after')"
    async with running(code, settings) as process:
        long, after = await all_lines(process)
        assert isinstance(long, OversizedLine)
        assert long.length == 50_000_000
        assert after == b"after"


async def test_an_agent_that_floods_its_terminal_does_not_block_and_keeps_only_the_tail():
    settings = Settings(terminal_tail_bytes=1000)
    async with running(
        "import sys; [print('line', n, file=sys.stderr) for n in range(50_000)]; print('done')", settings
    ) as process:
        assert await all_lines(process) == [b"done"]
        await process.terminal_ended.wait()
        output = process.terminal.output()
        assert output is not None
        assert output.truncated
        assert output.tail is not None
        assert output.tail.endswith("line 49999")
        assert len(output.tail) <= 1000


async def test_what_an_agent_says_is_delivered_as_it_is_and_what_its_terminal_tells_is_masked():
    code = "import os, sys; print(os.environ['MODEL_API_KEY']); print(os.environ['MODEL_API_KEY'], file=sys.stderr)"
    async with running(code, MODEL_API_KEY="sk-not-a-real-key") as process:
        assert await all_lines(process) == [b"sk-not-a-real-key"]
        await process.wait()
        assert process.terminal.text() == "[redacted]"


async def test_exit_code_and_signal_are_told_apart():
    async with running("raise SystemExit(7)") as process:
        assert str(await process.wait()) == "exit code 7"
    async with running("import time; time.sleep(60)") as process:
        send_signal(process.tree.root, signal.SIGKILL)
        assert str(await process.wait()) == "signal 9"
        assert repr(process).startswith(f"<AgentProcess {process.pid} exited (signal 9) outbox=0")


async def test_sigpipe_is_not_ignored_in_the_agent():
    """Python ignores it, and an ignored signal would stay ignored in every tool that the agent runs."""
    async with running(["/bin/sh", "-c", "grep SigIgn /proc/self/status"]) as process:
        (line,) = await all_lines(process)
        assert isinstance(line, bytes)
        assert int(line.split()[1], 16) & (1 << (signal.SIGPIPE - 1)) == 0


@pytest.mark.parametrize("argv", [["/bin/sh", "-c", "a\0b"], ["/bin/sh", "\ud800"]])
async def test_an_argument_that_exec_refuses_never_forks_a_second_daemon(argv):
    before = {row.id for row in read_all() if row.parent == os.getpid()}
    with pytest.raises(SpawnFailed):
        await AgentProcess.spawn(argv, {}, "/", "marker", ProcessTable(), SETTINGS)
    assert {row.id for row in read_all() if row.parent == os.getpid()} <= before


@pytest.mark.parametrize("argv", [["/nonexistent/agent"], ["/etc/passwd"]])
async def test_a_program_that_cannot_be_started_is_told_with_its_reason(argv):
    with pytest.raises(SpawnFailed, match="not found or was not executable"):
        await AgentProcess.spawn(argv, {}, "/", "marker", ProcessTable(), SETTINGS)


async def test_a_directory_that_is_gone_is_told(tmp_path):
    with pytest.raises(SpawnFailed):
        await AgentProcess.spawn([sys.executable], {}, str(tmp_path / "gone"), "marker", ProcessTable(), SETTINGS)


FAMILY = """
    import os, signal, subprocess, sys, time
    def child(prepare):
        read, write = os.pipe()
        if os.fork() == 0:
            prepare()
            os.write(write, b"%d\\n" % os.getpid())
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            time.sleep(600)
        return os.read(read, 100).strip().decode()
    def stubborn():
        signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN)
    def double_fork():
        os.setsid()
        if os.fork():
            os._exit(0)
    pids = [child(lambda: None), child(os.setsid), child(stubborn), child(double_fork)]
    print(*pids)
"""


@pytest.mark.parametrize(
    "then", ["sys.stdin.read()", "os._exit(3)", "stubborn(); signal.signal(2, signal.SIG_IGN); time.sleep(600)"]
)
async def test_no_descendant_outlives_the_ladder(then):
    """An ordinary child, one with its own session, one that ignores SIGTERM, one that double-forked; the agent ends
    on EOF, has exited already, or ignores everything."""
    async with running(FAMILY + "    " + then) as process:
        pids = [int(pid) for pid in (await first_line(process)).split()]
        assert len(pids) == 4
        # When the agent has exited already, the hang-up of its terminal may have ended the ordinary child.
        assert sum(alive(pid) for pid in pids) >= 3
        with trio.fail_after(PATIENCE):
            await end_process(process, SETTINGS)
        assert not [pid for pid in pids if alive(pid)]
        assert await process.tree.members() == set()


async def test_a_reused_pid_is_never_signalled():
    stranger = read_process(os.getpid())
    assert stranger is not None
    assert not send_signal(ProcessId(os.getpid(), stranger.id.started + 1), signal.SIGKILL)


async def test_sessions_that_end_together_share_a_look_at_the_machine():
    table = ProcessTable()
    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(table.rows)
    assert table._reads <= 2
    assert {row.id.pid for row in read_all()} >= {os.getpid(), 1}
