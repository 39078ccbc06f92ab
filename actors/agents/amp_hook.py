"""The program that Amp runs before a tool: it requests the permission from the daemon, and waits for the decision.

Run as `python -IS amp_hook.py SOCKET` with the tool's input as JSON on stdin and the rest in the environment. It uses
only the standard library, because every call of a tool waits for its start. Exit status 0 allows and 2 refuses, with
the reason on stderr for the model. For Amp, 1 means "ask", which is not possible here, so every error is a 2.
"""

import json
import os
import socket
import sys

ALLOW, REFUSE = 0, 2
MAX_DEPTH = 100
"""Of what is asked about; the daemon takes a request a little deeper than that."""


def request(environment: dict[str, str], said: bytes) -> bytes:
    """One line of JSON. Input that is none, or is nested too deeply to be shown, is passed on as text."""
    text = said.decode(errors="replace")
    try:
        tool_input = text if deep(text) else json.loads(text)
    except (ValueError, RecursionError):
        tool_input = text
    message = {
        "tool": environment.get("AGENT_TOOL_NAME", ""),
        "input": tool_input,
        "thread": environment.get("AMP_THREAD_ID"),
        "toolUseId": environment.get("AGENT_TOOL_USE_ID"),
    }
    return json.dumps(message).encode() + b"\n"


def deep(text: str) -> bool:
    """Whether it may be nested too deeply. Brackets inside strings count too: then it is shown as text, which does no
    harm."""
    level = 0
    for character in text:
        level += (character in "[{") - (character in "]}")
        if level > MAX_DEPTH:
            return True
    return False


def ask(path: str, line: bytes) -> tuple[bool, str]:
    """Whether the tool may run, and why not. Raises OSError or ValueError without an answer."""
    directory, name = os.path.split(path)
    # A socket's whole path must not be longer than some 100 bytes; its name is short.
    os.chdir(directory)
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(name)
        connection.sendall(line)
        with connection.makefile("rb") as answers:
            answer = json.loads(answers.readline())
    return answer["allow"] is True, str(answer.get("message", ""))


def main() -> int:
    try:
        allow, message = ask(sys.argv[1], request(dict(os.environ), sys.stdin.buffer.read()))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        allow, message = False, "sandbox-agent is gone: nobody can allow this any more"
    if not allow:
        sys.stderr.write(message)
    return ALLOW if allow else REFUSE


if __name__ == "__main__":
    sys.exit(main())
