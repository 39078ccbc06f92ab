"""Faults of agents, for tests: crashes, hangs, bad lines, processes that are left behind."""

import json
import os
import signal
from collections.abc import Callable

from .lines import completed, delta, item, say, started, text
from .steps import Deaf, Pause, Script

HUGE_LINE_BYTES = 50_000_000
ORPHAN_SECONDS = 600
"""Seconds after which a spawned process ends by itself, so that a failed test leaves nothing running for ever."""


def sleep(prefix: str, rest: str) -> Script:
    """A tool that runs: its call stays open until it is done."""
    seconds = float(rest)
    if not 0 <= seconds <= 86_400:
        raise ValueError("SECONDS must be within a day")
    return _sleep(prefix, seconds)


def _sleep(prefix: str, seconds: float) -> Script:
    call_id = f"{prefix}_call"
    arguments = json.dumps({"seconds": seconds})
    call: dict[str, object] = {"type": "tool_call", "name": "mock.sleep", "arguments": arguments, "call_id": call_id}
    yield started(f"{prefix}_tool_call", "tool_call", "assistant", call)
    yield Pause(seconds)
    yield completed(f"{prefix}_tool_call", "tool_call", "assistant", call)
    result: dict[str, object] = {"type": "tool_result", "call_id": call_id, "output": "slept"}
    yield from item(f"{prefix}_tool_result", "tool_result", "tool", result)
    return None


def stderr(prefix: str, rest: str) -> Script:
    return _stderr(prefix, int(rest))


def _stderr(prefix: str, count: int) -> Script:
    os.write(2, b"".join(b"mock: line %d on the terminal\n" % number for number in range(1, count + 1)))
    yield from say(f"{prefix}_reply", f"{count} lines on the terminal")
    return None


def crash(prefix: str, rest: str) -> Script:
    """In the middle of a turn: a message is open and has streamed a little."""
    code = None if rest.upper() == "KILL" else int(rest or 1)
    if code is not None and not 0 <= code <= 255:
        raise ValueError("CODE must be an exit code")
    return _crash(prefix, code)


def _crash(prefix: str, code: int | None) -> Script:
    yield started(f"{prefix}_reply", "message", "assistant")
    yield delta(f"{prefix}_reply", "This sentence will never")
    os.write(2, b"mock: about to crash\n")
    if code is None:
        os.kill(os.getpid(), signal.SIGKILL)
        signal.pause()
    os._exit(code or 0)


def hang(prefix: str, rest: str) -> Script:
    if rest not in ("", "hard"):
        raise ValueError("hard, or nothing")
    return _hang(prefix, hard=rest == "hard")


def _hang(prefix: str, *, hard: bool) -> Script:
    yield started(f"{prefix}_reply", "message", "assistant")
    if hard:
        yield Deaf(delta(f"{prefix}_reply", "Deaf from now on."))
    yield Pause(None)
    return None


def deaf(prefix: str, _: str) -> Script:
    yield from say(f"{prefix}_reply", "That was the last that I heard.")
    yield Deaf({"type": "turn_ended", "outcome": "completed"})
    return None


def mute(prefix: str, _: str) -> Script:
    yield started(f"{prefix}_reply", "message", "assistant")
    yield delta(f"{prefix}_reply", "My last words.")
    os.write(2, b"mock: mute from now on\n")
    os.close(1)
    yield Pause(None)
    return None


def start(name: str) -> None:
    """A start that fails: ``crash`` exits at once, ``hang`` writes nothing."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # no traceback on the terminal
    os.write(2, b"mock: told to %b at the start\n" % name.encode())
    if name == "crash":
        os._exit(1)
    while True:
        signal.pause()


def garbage(prefix: str, _: str) -> Script:
    """Lines that a line splitter must handle; the reply shows that it did. ``half`` arrives in two writes."""
    half = json.dumps(delta(f"{prefix}_half", "whole again")).encode()
    yield started(f"{prefix}_half", "message", "assistant")
    yield half[: len(half) // 2]
    yield Pause(0.01)
    yield half[len(half) // 2 :] + b"\n"
    yield completed(f"{prefix}_half", "message", "assistant", text("whole again"))
    yield b'{"type":"delta","id":\n'
    yield bytes(64) + b"\n"
    yield b'{"type":"delta","id":"\xff\xfe","text":"\x80"}\n'
    yield b"\n"
    yield b'{"garbage":"' + b"x" * HUGE_LINE_BYTES + b'"}\n'
    yield from say(f"{prefix}_reply", "That was all the garbage.")
    return None


def spawn(prefix: str, _: str) -> Script:
    """Four ways to leave a process behind. All of them keep the program's stdin, stdout and terminal open, as the
    background jobs of a real agent do."""
    reader, writer = os.pipe()
    pids = {
        "sleeper": _fork(lambda: None),
        "setsid": _fork(os.setsid),
        "ignores_sigterm": _fork(lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN)),
    }
    between = _fork(lambda: _tell(writer, _fork(lambda: None)))
    os.waitpid(between, 0)  # the fourth is an orphan now: init or a subreaper has it
    os.close(writer)
    with os.fdopen(reader, "rb") as told:
        # The end of this pipe comes when the last of them has executed, so each is what it claims to be.
        pids["double_forked"] = int(told.read())
    yield from say(f"{prefix}_reply", json.dumps(pids))
    return None


def _fork(prepare: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            prepare()
            os.execvp("sleep", ["sleep", str(ORPHAN_SECONDS)])  # noqa: S606, S607 - whichever sleep PATH has
        finally:
            os._exit(127)
    return pid


def _tell(writer: int, pid: int) -> None:
    os.write(writer, b"%d" % pid)
    os._exit(0)
