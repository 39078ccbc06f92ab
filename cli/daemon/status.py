"""``sandbox-agent daemon status``. Its exit statuses are those of LSB init scripts, and one of our own from the range
that they leave to applications."""

from typing import Any

import click

from ..setting_options import build_settings, some_setting_options

RUNNING, STALE, NOT_RUNNING, UNKNOWN, DEGRADED = 0, 1, 3, 4, 150


@click.command()
@some_setting_options("data_dir")
def status(**given: Any) -> None:
    """Say whether the daemon that `daemon start` started runs.

    Exit status: 0 it runs; 150 it runs, and says that something is wrong; 4 it runs and does not answer; 3 it does not
    run; 1 it ended without `daemon stop`.
    """
    code, text = look(given)
    click.echo(text)
    raise click.exceptions.Exit(code)


def look(given: dict[str, Any]) -> tuple[int, str]:
    from .health import problems
    from .state import Place

    state = Place.of(build_settings(given)).read()
    if state is None:
        return NOT_RUNNING, "not running"
    if not state.alive:
        return STALE, f"not running: pid {state.pid} ended without `daemon stop`\nlog: {state.log}"
    known = f"pid: {state.pid}\nurl: {state.url or 'not yet known'}\nlog: {state.log}"
    wrong = problems(state.url) if state.url is not None else None
    if wrong is None:
        return UNKNOWN, f"running, but it does not answer\n{known}"
    if wrong:
        return DEGRADED, "\n".join(["degraded", *(f"problem: {problem}" for problem in wrong), known])
    return RUNNING, f"running\n{known}"
