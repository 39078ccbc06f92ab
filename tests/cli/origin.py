"""The process that imports what commands import, or daemons, and forks for each of them:
``python -m tests.cli.origin FD commands|daemons``.

FD is a socket. A message on it carries the descriptors of a request, of stdin, stdout and stderr, and of a pipe for the
answer: the pid at once, and the exit status at the end. Two forks each: one is the command, and one waits for it.
"""

import json
import os
import signal
import socket
import sys
from importlib import import_module

from sandbox_agent.cli.api.connection import EXTRAS
from sandbox_agent.cli.extras import without
from sandbox_agent.cli.main import main

MODULES = (
    *("completion", "credentials", "daemon.group", "daemon.status", "daemon.stop"),
    *(
        "api.group",
        "api.agents",
        "api.approvals",
        "api.sessions",
        "api.tokens",
        "api.client",
        "api.proven",
        "api.target",
    ),
)


def serve(channel: socket.socket) -> None:
    """Returns in the command, with all that is its own; ends the process elsewhere."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those who wait
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, 1, 5)
        if not message:
            sys.exit()
        if os.fork() == 0:
            break
        for descriptor in descriptors:
            os.close(descriptor)
    channel.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    request, *standard, answer = descriptors
    if (pid := os.fork()) != 0:
        for descriptor in (request, *standard):  # who reads the other end waits for the command alone
            os.close(descriptor)
        os.write(answer, b"%d\n" % pid)
        _, status = os.waitpid(pid, 0)
        os.write(answer, b"%d\n" % os.waitstatus_to_exitcode(status))
        os._exit(0)
    os.close(answer)
    for number, descriptor in enumerate(standard):
        os.dup2(descriptor, number)
        os.close(descriptor)
    with os.fdopen(request, "rb") as file:
        *sys.argv[1:], directory, environment = json.load(file)
    sys.orig_argv = [sys.executable, "-m", "sandbox_agent.cli.main", *sys.argv[1:]]
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(directory)
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115


def prepare(kind: str) -> None:
    """A command's httpx does without trio, and a daemon's does not: they are two processes."""
    if kind == "daemons":
        import_module("sandbox_agent.cli.server.serve")
        return
    with without(*EXTRAS):
        for name in MODULES:
            import_module(f"sandbox_agent.cli.{name}")


if __name__ == "__main__":
    prepare(sys.argv[2])
    serve(socket.socket(fileno=int(sys.argv[1])))
    main(prog_name="sandbox-agent")
