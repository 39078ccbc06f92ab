#!/usr/bin/env python3
"""A stand-in for amp: its lines, its hook and its signal, and nothing of its model. Prompts say what it does.

``tool COMMAND`` asks the hook and tells its answer, ``edit PATH`` and ``deep JSON`` too; ``fail`` fails the turn and
lingers, as a process that is slow to exit; ``hang`` waits for its end; anything else is echoed.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

THREAD = "T-1"


def say(**message: Any) -> None:
    print(json.dumps(message), flush=True)


def fail(error: str) -> None:
    say(type="result", subtype="error_during_execution", is_error=True, error=error)


def speak(*content: dict[str, Any], stop: str) -> None:
    say(type="assistant", message={"content": content, "stop_reason": stop})


def cancelled(*_: object) -> None:
    fail("User cancelled (SIGINT/SIGTERM)")
    os._exit(0)


def ask(tool: str, arguments: Any) -> str:
    settings = json.loads(Path(sys.argv[sys.argv.index("--settings-file") + 1]).read_text())
    hook = settings["amp.permissions"][-1]["to"]
    environment = {**os.environ, "AGENT_TOOL_NAME": tool, "AMP_THREAD_ID": THREAD}
    done = subprocess.run(
        [hook],
        input=(arguments if isinstance(arguments, str) else json.dumps(arguments)).encode(),
        env=environment,
        capture_output=True,
    )
    return f"{done.returncode} {done.stderr.decode()}".strip()


def use(tool: str, arguments: Any, number: int) -> None:
    """``arguments`` that are text are what the hook gets, and nothing that a message could hold."""
    call_id = f"TU-{os.getpid()}-{number}"
    told = {} if isinstance(arguments, str) else arguments
    speak({"type": "tool_use", "id": call_id, "name": tool, "input": told}, stop="tool_use")
    result = {"type": "tool_result", "tool_use_id": call_id, "content": ask(tool, arguments)}
    say(type="user", message={"content": [result]})


def take(text: str, number: int) -> None:
    match text.split():
        case ["tool", *words]:
            use("shell_command", {"command": " ".join(words)}, number)
        case ["edit", path]:
            use("edit_file", {"path": path, "old_str": "a", "new_str": "b"}, number)
        case ["deep", said]:
            use("other", '{"a": ' + said + "}", number)
        case ["fail"]:
            fail("it failed")
            time.sleep(60)
        case ["hang"]:
            time.sleep(60)
        case _:
            pass
    speak({"type": "text", "text": f"{' '.join(sys.argv[1:3])}: {text}"}, stop="end_turn")


def main() -> None:
    signal.signal(signal.SIGINT, cancelled)
    for number, line in enumerate(sys.stdin):
        if not number:
            say(type="system", subtype="init", session_id=THREAD)
        take(json.loads(line)["message"]["content"][-1]["text"], number)


if __name__ == "__main__":
    main()
