"""The user's home, as commands need it: what is missing is a failure of theirs, what is odd is told."""

import os
from pathlib import Path

from ..actors.files.data_directory import data_directory
from ..actors.files.home import Home, NoHome
from ..schema.settings import Settings
from .failure import Failure


def data_place(settings: Settings) -> Path:
    """Where the journal and the agents are. Raises :class:`Failure` when it is not said and there is no home."""
    try:
        return data_directory(settings, os.environ)
    except NoHome as error:
        raise Failure(f"{error}, or name a directory with --data-dir") from error


def tell_troubles() -> None:
    """In the log, at the start: agents keep their logins and conversations at home."""
    try:
        troubles = Home.find(os.environ).troubles(os.environ)
    except NoHome as error:
        troubles = [str(error)]
    if not troubles:
        return
    import structlog  # a command that only asks where things are does without

    log = structlog.get_logger("home")
    for trouble in troubles:
        log.warning(trouble)
