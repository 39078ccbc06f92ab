"""``sandbox-agent daemon status``. Its exit statuses are those of LSB init scripts, and one of our own from the range
that they leave to applications."""

from typing import Any

import click

from ..setting_options import build_settings, some_setting_options
from .asked import Asked, address_options

RUNNING, STALE, NOT_RUNNING, UNKNOWN, DEGRADED = 0, 1, 3, 4, 150


@click.command()
@address_options
@some_setting_options("data_dir")
@click.pass_context
def status(ctx: click.Context, host: str | None, port: int | None, **given: Any) -> None:
    """Say whether the daemon of the data directory runs, whoever started it and whatever its port is.

    Exit status: 0 it runs; 150 it runs, and says that something is wrong; 4 it runs and does not answer; 3 it does not
    run; 1 it ended without `daemon stop`.
    """
    code, text = look(Asked.of(ctx), given)
    click.echo(text)
    raise click.exceptions.Exit(code)


def look(asked: Asked, given: dict[str, Any]) -> tuple[int, str]:
    from ..daemon_place import Place
    from .found import find, meant
    from .health import problems
    from .state import State

    place = meant(asked, Place.of(build_settings(given)))
    found = find(place)
    if found is None:
        state = State.read(place.file)
        if state is None or asked:
            return NOT_RUNNING, "not running"
        return STALE, f"not running: pid {state.pid} ended without `daemon stop`\nlog: {state.log}"
    if not found.fits(asked):
        return NOT_RUNNING, found.told_apart(asked)
    known = f"pid: {found.process.pid}\nurl: {found.url or 'not yet known'}\nlog: {found.log}"
    wrong = problems(found.url) if found.url is not None else None
    if wrong is None:
        return UNKNOWN, f"running, but it does not answer\n{known}"
    if wrong:
        return DEGRADED, "\n".join(["degraded", *(f"problem: {problem}" for problem in wrong), known])
    return RUNNING, f"running\n{known}"
