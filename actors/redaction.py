"""Secrets of the environment, kept out of events and logs: an agent that prints ``env`` must not store a key."""

from collections.abc import Mapping

SECRET_WORDS = ("KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL")

SHORTEST_SECRET = 8
"""Characters. Anything shorter stands in ordinary text too often to be replaced."""

MASK = b"[redacted]"


class Redactor:
    """Replaces the values of variables whose name says that they are secret."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        # A line break that a shell left at the end of a key is not printed with it.
        secrets = (
            value.strip() for name, value in environment.items() if any(word in name.upper() for word in SECRET_WORDS)
        )
        values = {secret.encode(errors="surrogateescape") for secret in secrets if len(secret) >= SHORTEST_SECRET}
        # Longest first: a secret that contains another must not leave its rest behind.
        self._secrets = sorted(values, key=len, reverse=True)

    def __repr__(self) -> str:
        return f"<Redactor secrets={len(self._secrets)}>"

    def __call__(self, data: bytes) -> bytes:
        for secret in self._secrets:
            if secret in data:
                data = data.replace(secret, MASK)
        return data
