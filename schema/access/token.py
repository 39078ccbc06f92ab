"""The token as it may be: one word that can stand in an HTTP header. No error here holds the token."""

from unicodedata import category

ADVICE = "letters, digits and - . _ ~ are always right"


SHORTEST = 8
"""Characters of a token that a daemon demands. Version 0.1 took any."""


def clean_token(text: str) -> str:
    """Without the blanks and line ends around it, which files, shells and secret stores add. Raises
    :class:`ValueError`, whose message goes on after the name of where the token was."""
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
    """The token. Raises :class:`ValueError` for one that can be guessed; the message goes on as that of
    :func:`clean_token` does."""
    if len(token) < SHORTEST:
        raise ValueError(
            f"is too short: a token must have at least {SHORTEST} characters, and should have 32 that are random "
            "(openssl rand -hex 16); without one, the daemon makes and stores its own"
        )
    return token
