"""Running programs safely in directories that others write: a program of ours loads no code from its working directory
or from where a variable points, and no program is found there because PATH has a relative folder."""

import os
import shutil
import sys
from collections.abc import Mapping

_RUN = "import runpy, sys; sys.path += {paths!r}; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"


def python_module(module: str) -> tuple[str, ...]:
    """The command that runs a module of ours. ``-I`` ignores the working directory, the user's site and the PYTHON…
    variables. The path where this package was found comes last, for installations that need it."""
    paths = [path for path in sys.path if os.path.isabs(path)]  # noqa: PTH117 - it stays the text that it is
    return (sys.executable, "-I", "-c", _RUN.format(paths=paths, module=module))


def program(name: str, environment: Mapping[str, str]) -> str | None:
    """The program of this name on PATH, or at this absolute path; None when there is none. Relative folders of PATH are
    ignored: they would mean folders of the working directory."""
    absolute = [folder for folder in environment.get("PATH", "").split(os.pathsep) if folder.startswith("/")]
    if "/" in name and not name.startswith("/"):
        return None
    return shutil.which(name, path=os.pathsep.join(absolute))
