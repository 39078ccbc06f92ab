"""Running programs where others have put files: a program of ours takes no code from the directory that it starts in,
nor from where a variable points, and no program is taken from there because PATH names a folder without a root."""

import os
import shutil
import sys
from collections.abc import Mapping

_RUN = "import runpy, sys; sys.path += {paths!r}; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"


def python_module(module: str) -> tuple[str, ...]:
    """The command that runs a module of ours. ``-I`` leaves out the working directory, the user's site and what
    PYTHON… variables say. What we were found by ourselves comes last, for an installation that needs it."""
    paths = [path for path in sys.path if os.path.isabs(path)]  # noqa: PTH117 - it stays the text that it is
    return (sys.executable, "-I", "-c", _RUN.format(paths=paths, module=module))


def program(name: str, environment: Mapping[str, str]) -> str | None:
    """The program of this name on PATH, or at this absolute path; None when there is none. Folders of PATH that are not
    absolute would be looked for in the directory of whoever runs it."""
    absolute = [folder for folder in environment.get("PATH", "").split(os.pathsep) if folder.startswith("/")]
    if "/" in name and not name.startswith("/"):
        return None
    return shutil.which(name, path=os.pathsep.join(absolute))
