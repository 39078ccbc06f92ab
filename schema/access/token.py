"""The form of a token: one word that an HTTP header can carry. No error message here contains the token."""

from unicodedata import category

ADVICE = "letters, digits and - . _ ~ are always right"


SHORTEST = 8
"""Fewest characters of a token that a daemon demands. Version 0.1 accepted any."""


def clean_token(text: str) -> str:
    """The token without the blanks and line ends around it, which files, shells and secret stores add. Raises
    :class:`ValueError`; its message follows the name of the token's source."""
    token = text.strip()
    if not token:
        raise ValueError("is empty")
    if any(map(str.isspace, token)):
        raise ValueError(f"has a blank or a line end in it; a token is one word: {ADVICE}")
    if any(category(c) == "Cc" or ord(c) > 0xFF for c in token):
        raise ValueError(
            f"has a character in it that no HTTP header can hold (a control character, or one beyond Latin-1); {ADVICE}"
        )
    return token


def check_length(token: str) -> str:
    """The token. Raises :class:`ValueError` for one that can be guessed, with a message as that of
    :func:`clean_token`."""
    if len(token) < SHORTEST:
        raise ValueError(
            f"is too short: a token must have at least {SHORTEST} characters, and should have 32 that are random "
            "(openssl rand -hex 16); without one, the daemon makes and stores its own"
        )
    return token
