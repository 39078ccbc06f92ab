"""The base path: the prefix below which the whole API is served, for a proxy that does not strip it."""

import re

_BASE_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
"""Segments of RFC 3986's unreserved characters: those have one spelling, so a proxy does not change them."""


def check_base_path(text: str) -> None:
    """The base path; empty for none. Raises :class:`ValueError` when it is not of the form ``/agents`` or ``/a/b``."""
    if text and (not _BASE_PATH.fullmatch(text) or {".", ".."} & set(text.split("/"))):
        raise ValueError(
            f"setting base_path must be like /agents or /a/b: segments of letters, digits and . _ ~ - after a slash "
            f"each, and none at its end; leave it empty to serve at the root. Got {text!r}"
        )


def below(base_path: str, path: str) -> str | None:
    """``path`` without the prefix; None when it is not below it."""
    if path == base_path:
        return "/"
    return path[len(base_path) :] if path.startswith(f"{base_path}/") else None
