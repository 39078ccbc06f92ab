"""The working directory as a program's environment tells it: PWD is where it starts, and no word of ours about where we
stand."""

import os
from collections.abc import Mapping


def placed(environment: Mapping[str, str], directory: str) -> dict[str, str]:
    """An environment for a program that starts in this absolute directory. Looks at the directory: call it off the
    event loop.

    As a shell does it: PWD keeps the names that the directory was given by, also of links. With ``.`` or ``..`` in
    them, POSIX lets nobody believe a PWD; then it is the directory's own name. OLDPWD is where nobody was.
    """
    dots = {".", ".."} & set(directory.split("/"))
    name = os.path.realpath(directory) if dots else os.path.normpath(directory)
    return {key: value for key, value in environment.items() if key != "OLDPWD"} | {"PWD": name}
