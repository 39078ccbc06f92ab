"""Where the command was called: what a relative path starts from."""

from pathlib import Path

from .failure import Failure


def absolute(path: Path) -> Path:
    """Raises :class:`Failure` when the current directory is gone. An absolute path needs none."""
    try:
        return path.absolute()
    except FileNotFoundError as error:
        raise Failure(
            f"the current directory does not exist any more, so {path} names nothing; go to another, or name an "
            "absolute path"
        ) from error


def exists(path: Path) -> bool:
    """Whether something of that name can be seen from here; False also for what can be no name."""
    try:
        path.stat()
    except (OSError, ValueError):
        return False
    return True
