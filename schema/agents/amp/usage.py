"""What a turn cost: every message of Amp's tells its own tokens, and nobody tells the price or the model."""

from collections.abc import Mapping
from typing import Any

from ..json_lines import members

_FIELDS: Mapping[str, str] = {
    "input_tokens": "input_tokens",
    "output_tokens": "output_tokens",
    "cache_read_tokens": "cache_read_input_tokens",
    "cache_write_tokens": "cache_creation_input_tokens",
}


class Usage:
    """The sums since the turn began."""

    def __init__(self) -> None:
        self._tokens = dict.fromkeys(_FIELDS, 0)
        self._messages = 0

    def __repr__(self) -> str:
        return f"<Usage messages={self._messages}>"

    def add(self, usage: Any) -> None:
        said = members(usage)
        self._messages += 1
        for name, native in _FIELDS.items():
            tokens = said.get(native)
            if isinstance(tokens, int) and not isinstance(tokens, bool):
                self._tokens[name] += tokens

    def turn(self) -> dict[str, Any]:
        """The ``metadata`` of the turn that ends now; the next begins at nothing."""
        metadata = {"usage": self._tokens, "num_turns": self._messages}
        self._tokens, self._messages = dict.fromkeys(_FIELDS, 0), 0
        return metadata
