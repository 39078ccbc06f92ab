"""The token: where it comes from, and where the one that the server makes is kept.

Order: ``--token``, ``--token-file``, ``--no-token``, the environment, the stored file. The stored token lives in the
user's state directory, readable by nobody else, so that client commands on the same machine need no option at all.
"""

import os
import secrets
import stat
import tempfile
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from attrs import field, frozen

from ..actors.files.home import NoHome, base_directory
from ..schema.access.token import clean_token
from ..schema.foreign.not_readable import NotReadable
from .failure import Failure
from .named_file import read_named, why
from .token_options import FILE_VARIABLE, TOKEN_VARIABLE, TokenChoice

MAX_TOKEN = 4096
"""Bytes of a token file."""


@frozen
class FoundToken:
    """``origin`` says where it was found, in words for a message."""

    value: str = field(repr=False)
    origin: str


def stored_path(environ: MutableMapping[str, str] = os.environ) -> Path:
    return state_directory(environ) / "token"


def state_directory(environ: Mapping[str, str] = os.environ) -> Path:
    """``$XDG_STATE_HOME/sandbox-agent``; the default base is ``~/.local/state``. Raises :class:`Failure` when there is
    neither."""
    try:
        return base_directory(environ, "XDG_STATE_HOME", ".local/state") / "sandbox-agent"
    except NoHome as error:
        raise Failure(str(error)) from error


def read_token(path: Path, *, private: bool = False) -> str:
    """The token in a file. ``private`` refuses one that others can read: right for the file that we wrote, wrong for
    one that the user named, because secrets that are mounted into a container are commonly 0444."""
    must = f"the token file {path} must hold one token and nothing else"
    try:
        text = read_named(path, MAX_TOKEN).decode()
        mode = path.stat().st_mode if private else 0
    except UnicodeDecodeError:
        raise Failure(f"{must}; it is not UTF-8") from None
    except NotReadable as error:
        raise Failure(f"{must}; {why(error)}") from None
    except OSError as error:
        raise Failure(f"cannot read the token file {path}: {why(error)}") from error
    if private and mode & 0o077:
        raise Failure(f"the token file {path} is open to others (mode {stat.S_IMODE(mode):04o}); run: chmod 600 {path}")
    try:
        return clean_token(text)
    except ValueError as error:
        raise Failure(f"{must}; it {error}") from None


def make_token(path: Path) -> str:
    """A new token, stored at ``path``. When another process was quicker, its token: a file is never replaced."""
    token = secrets.token_urlsafe(32)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, draft = tempfile.mkstemp(prefix="token.", dir=path.parent)  # 0600 from its first moment
        with os.fdopen(handle, "w") as file:
            file.write(token + "\n")
        try:
            os.link(draft, path)  # unlike rename, fails when the name is taken
        except FileExistsError:
            return read_token(path, private=True)
        finally:
            Path(draft).unlink()
    except OSError as error:
        raise Failure(
            f"cannot store a token at {path}: {error.strerror}; set HOME or XDG_STATE_HOME to a directory that uid "
            f"{os.geteuid()} may write, or give a token with {TOKEN_VARIABLE}"
        ) from error
    return token


def find_given(choice: TokenChoice, environ: Mapping[str, str] = os.environ) -> FoundToken | None:
    """The token that the caller gave, by option or environment, and where it was found; None when it gave none. An
    empty variable is none, and one that holds only blanks is a mistake."""
    if choice.token is not None:
        return FoundToken(choice.token, "the option --token")
    if choice.file is not None:
        return FoundToken(read_token(choice.file), f"the file {choice.file} (option --token-file)")
    if choice.none:
        return None
    if token := environ.get(TOKEN_VARIABLE):
        try:
            return FoundToken(clean_token(token), f"the variable {TOKEN_VARIABLE}")
        except ValueError as error:
            raise Failure(f"{TOKEN_VARIABLE} {error}") from None
    if file := environ.get(FILE_VARIABLE):
        return FoundToken(read_token(Path(file)), f"the file {file} (variable {FILE_VARIABLE})")
    return None


def token_files(choice: TokenChoice, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """Those that the caller named, also where another token won."""
    named = Path(file) if (file := environ.get(FILE_VARIABLE)) else None
    return [path for path in (choice.file, named) if path is not None]


def forget_token(environ: MutableMapping[str, str] = os.environ) -> None:
    """Agents inherit the environment, and the token is not theirs."""
    environ.pop(TOKEN_VARIABLE, None)
    environ.pop(FILE_VARIABLE, None)
