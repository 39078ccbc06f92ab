"""Real work: a command that runs, a file that changes. Both request a permission first, as agents do."""

import json
import os
import shlex
import signal
from collections.abc import Generator

from .lines import Part, completed, item, permission, say, started
from .steps import Answers, Await, Pause, Script, Step

POLL_SECONDS = 0.01


def run(prefix: str, rest: str) -> Script:
    if not rest:
        raise ValueError("a command")
    return _run(prefix, rest)


def _run(prefix: str, command: str) -> Script:
    yield from say(f"{prefix}_intent", "Let me run that.")
    yield from _call(prefix, "mock.run", {"command": command})
    if not (yield from _allowed(prefix, "command_execution", command=command)):
        return (yield from _refused(prefix))
    output, status = yield from _ran(command)
    result: Part = {"type": "tool_result", "call_id": f"{prefix}_call", "output": output}
    yield from _result(prefix, result, failed=status != 0)
    yield from say(f"{prefix}_reply", f"The command ended with {status} and said: {output}")
    return None


def _ran(command: str) -> Generator[Step, Answers, tuple[str, int]]:
    """Returns output and exit status. An interrupt closes this generator, and then the command's process group is
    ended."""
    import subprocess  # it alone would double the time of a start
    import tempfile

    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            ["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
        try:
            while child.poll() is None:
                yield Pause(POLL_SECONDS)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        output.seek(0)
        return output.read().decode(errors="replace"), child.returncode


def edit(prefix: str, rest: str) -> Script:
    words = shlex.split(rest)
    if len(words) != 3:
        raise ValueError("a path and two texts")
    return _edit(prefix, *words)


def _edit(prefix: str, path: str, old: str, new: str) -> Script:
    from difflib import unified_diff
    from pathlib import Path

    file = Path(path)
    yield from say(f"{prefix}_intent", "Let me edit that.")
    yield from _call(prefix, "mock.edit", {"path": path, "old": old, "new": new})
    if not (yield from _allowed(prefix, "file_change", path=path)):
        return (yield from _refused(prefix))
    result: Part = {"type": "tool_result", "call_id": f"{prefix}_call", "output": ""}
    try:
        before = file.read_text()
        after = before.replace(old, new, 1)
        file.write_text(after)
    except OSError as error:
        yield from _result(prefix, result | {"output": str(error)}, failed=True)
    else:
        diff = "".join(unified_diff(before.splitlines(keepends=True), after.splitlines(keepends=True), path, path))
        changed: Part = {"type": "file_ref", "path": path, "action": "patch", "diff": diff}
        yield from _result(prefix, result | {"output": "edited"}, changed)
    yield from say(f"{prefix}_reply", "That was the edit.")
    return None


def fail(_: str, rest: str) -> Script:
    """An error as from a model's API: the turn fails, the session continues."""
    yield {"type": "error", "code": "mock_error", "message": rest or "This error was asked for."}
    return "failed"


def _call(prefix: str, name: str, arguments: dict[str, str]) -> Script:
    part: Part = {
        "type": "tool_call",
        "name": name,
        "arguments": json.dumps(arguments),
        "call_id": f"{prefix}_call",
    }
    yield from item(f"{prefix}_tool_call", "tool_call", "assistant", part)
    return None


def _allowed(prefix: str, action: str, **metadata: object) -> Generator[Step, Answers, bool]:
    approval_id = f"{prefix}_permission"
    yield permission(approval_id, action, **metadata)
    answers = yield Await(approval_id)
    return answers[approval_id] != "reject"


def _refused(prefix: str) -> Script:
    result: Part = {"type": "tool_result", "call_id": f"{prefix}_call", "output": "The human said no."}
    yield from _result(prefix, result, failed=True)
    yield from say(f"{prefix}_reply", "Then not.")
    return None


def _result(prefix: str, *content: Part, failed: bool = False) -> Script:
    item_id = f"{prefix}_tool_result"
    yield started(item_id, "tool_result", "tool", *content) | {"parent": f"{prefix}_tool_call"}
    yield completed(item_id, "tool_result", "tool", *content, failed=failed)
    return None
