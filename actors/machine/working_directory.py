"""The working directory in a program's environment: PWD is where the program starts, not where the daemon is."""

import os
from collections.abc import Mapping


def placed(environment: Mapping[str, str], directory: str) -> dict[str, str]:
    """An environment for a program that starts in this absolute directory. It reads the directory, so call it in a
    thread.

    As in a shell, PWD keeps the name by which the directory was given, also when that is a link. POSIX does not allow
    ``.`` or ``..`` in PWD; then PWD is the directory's real name. OLDPWD is removed.
    """
    dots = {".", ".."} & set(directory.split("/"))
    name = os.path.realpath(directory) if dots else os.path.normpath(directory)
    return {key: value for key, value in environment.items() if key != "OLDPWD"} | {"PWD": name}
