"""``sandbox-agent daemon start``."""

import os
import re
import subprocess
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from ...actors.machine.programs import python_module
from ..failure import Failure
from ..here import absolute
from ..seconds import Seconds
from ..server.click_options import server_options
from ..setting_options import build_settings
from ..token_options import TOKEN_VARIABLE, TokenChoice

if TYPE_CHECKING:
    from ..daemon_place import Place
    from .asked import Asked
    from .found import Found
    from .state import State

READY = re.compile(r"^listening on ((?:https?://|unix:/).+)$", re.MULTILINE)
LOOK = 0.05
"""Seconds between two looks at whether it is ready."""
LAST_LINES = 20
LAST_BYTES = 1 << 16
"""How much of a log is looked at for them."""

OURS = ("token", "token_file", "log_file", "log_to_file", "wait")
"""Options that are not handed on as they were said."""
FINDS = ("data_dir", "host", "port", "wait")
"""Options that say which daemon is meant, or how long to wait: they mean the same when it runs already."""


@click.command()
@server_options
@click.option(
    "--wait",
    type=Seconds(min=0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest wait until it is ready.",
)
@click.pass_context
def start(ctx: click.Context, wait: float, **given: Any) -> None:
    """Start the daemon in the background, and return when it is ready.

    Nothing is done, and that is no failure, when one runs already for the same data directory, whoever started it.
    Takes the options of `server`. The token is handed on in a file's name or in the environment, never as an argument.
    """
    from ..daemon_place import Place
    from ..server.choices import check_host, choose_certificates, choose_cors, choose_hosts, log_place
    from ..server.server_token import choose_token
    from ..server.variables import name_unknown_variables
    from .arguments import arguments
    from .asked import Asked
    from .found import find

    name_unknown_variables()
    choice = TokenChoice(given["token"], given["token_file"], given["no_token"]).or_else(ctx.obj)
    token = choose_token(choice, given["host"])  # what it would refuse is told here
    choose_hosts(given["allow_host"], token.value is not None)
    choose_cors(given, token.value is not None)
    settings = build_settings(given)
    check_host(given["host"])
    choose_certificates(given, settings)
    place = Place.of(settings)
    log: Path = absolute(log_place(given["log_file"], given["log_to_file"], settings) or place.log)
    said = [*arguments_of(ctx, choice), f"--log-file={log}"]
    with place.locked(wait):
        if (found := find(place)) is not None:
            tell_running(found, Asked.of(ctx), wait)
            if arguments(ctx, FINDS):
                click.echo(
                    "it keeps the options that it was started with; for others `sandbox-agent daemon stop` first",
                    err=True,
                )
            return
        state = launch(place, said, choice, log, settings.shutdown_timeout, wait)
    click.echo(f"started: {state.url}\npid: {state.pid}\nlog: {state.log}")


def tell_running(found: "Found", asked: "Asked", wait: float) -> None:
    """Raises :class:`Failure` when it is not the one that was asked for, or does not answer in time."""
    from .health import problems

    pid = found.process.pid
    if not found.fits(asked):
        raise Failure(
            f"a daemon runs already for {found.data_dir}, and not on {asked}: pid {pid}, "
            f"{found.url or 'not ready yet'}. A data directory has one at a time: `sandbox-agent daemon stop` ends it, "
            "--data-dir names another directory"
        )
    deadline = time.monotonic() + wait
    while found.url is None or problems(found.url) is None:
        if time.monotonic() > deadline:
            raise Failure(
                f"a daemon runs already for {found.data_dir}, and did not answer in {wait:g} s: pid {pid}, "
                f"{found.url or 'not listening yet'}; `sandbox-agent daemon stop --force` ends it. Log: {found.log}"
            )
        time.sleep(LOOK)
    click.echo(f"already running: {found.url}\npid: {pid}\nlog: {found.log}")


def arguments_of(ctx: click.Context, choice: TokenChoice) -> list[str]:
    from .arguments import arguments

    said = arguments(ctx, OURS)
    if choice.file is not None:
        said.append(f"--token-file={absolute(choice.file)}")
    if choice.none and "--no-token" not in said:
        said.append("--no-token")
    return said


def launch(
    place: "Place", said: list[str], choice: TokenChoice, log: Path, shutdown_timeout: float, wait: float
) -> "State":
    """A process of its own session, whose parent may go away. Whatever fails here leaves none behind."""
    from attrs import evolve

    from .state import State, boot_id

    before = size_of(log)
    with private_file(place.output) as output:
        daemon = subprocess.Popen(
            # A folder that is named like us or like a library, where the user stands, is not us.
            [*python_module("sandbox_agent.cli.main"), "server", *said],
            env=os.environ | ({TOKEN_VARIABLE: choice.token} if choice.token else {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            state = State(daemon.pid, started(daemon.pid), boot_id(), place.data_dir, str(log), shutdown_timeout)
            state.write(place.file)
            state = evolve(state, url=ready_url(daemon, output, log, before, wait))
            state.write(place.file)
        except BaseException:
            end(daemon, shutdown_timeout)
            place.forget()
            raise
    return state


def private_file(path: Path) -> IO[str]:
    """New, and readable by its owner only from its first moment; one that is there already is closed to others before
    anything is written."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    os.fchmod(handle, 0o600)
    os.ftruncate(handle, 0)
    return os.fdopen(handle, "w+")


def started(pid: int) -> int:
    """In clock ticks since boot. The child has not been waited for, so it is there, dead or alive."""
    from ...actors.machine.process_rows import read_process

    row = read_process(pid)
    if row is None:
        raise Failure(f"cannot read /proc/{pid}/stat")
    return row.id.started


def ready_url(daemon: "subprocess.Popen[bytes]", output: IO[str], log: Path, before: int, wait: float) -> str:
    """Where it listens, once it answers there. Raises :class:`Failure` when it ended, or took too long. ``before`` is
    the log's size before this daemon."""
    from ..address import reachable
    from .health import problems

    deadline = time.monotonic() + wait
    while True:
        output.seek(0)
        said = output.read()
        if (ready := READY.search(said)) and problems(reachable(ready[1])) is not None:
            return ready[1]
        if daemon.poll() is not None:
            raise Failure(f"the daemon ended with status {daemon.returncode}:\n{last_lines(said, log, before)}")
        if time.monotonic() > deadline:
            raise Failure(f"the daemon was not ready after {wait:g} s and was ended:\n{last_lines(said, log, before)}")
        time.sleep(LOOK)


def last_lines(said: str, log: Path, before: int) -> str:
    """What it printed says it best; what it logged, when it printed nothing. Only this daemon's: the log goes on where
    the one before it stopped."""
    text = said.strip() or logged_since(log, before).strip()
    return "\n".join(text.splitlines()[-LAST_LINES:]) or f"it said nothing; see {log}"


def size_of(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0


def logged_since(log: Path, before: int) -> str:
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            # A smaller file is a new one: the old one was set aside meanwhile.
            start = before if before <= size else 0
            file.seek(max(start, size - LAST_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def end(daemon: "subprocess.Popen[bytes]", shutdown_timeout: float) -> None:
    from .stop import MARGIN

    daemon.terminate()
    try:
        daemon.wait(shutdown_timeout + MARGIN)
    except subprocess.TimeoutExpired:
        daemon.kill()
        daemon.wait()
