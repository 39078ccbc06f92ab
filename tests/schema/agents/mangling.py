"""What no agent would say: real messages of which some members are replaced or gone, and lines that are nothing at all.

Hypothesis draws one seed for each line and finds the fewest lines that fail, which it shows as they are. What is wrong
within a line comes from the seed: drawn one by one, the members of a line cost many times what hearing it does.
"""

import random
import string
from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from hypothesis import strategies as st

EXAMPLES = 300

ODD = ("", "\x00", "\n", "\r\n", "\u2028", "\x7f", '"', "\\", "é", "ß", "字", "😀", "\ufeff", "\uffff", " ")
NUMBERS = (0, 1, -1, 2**31, 2**53 + 1, 2**63, -(2**63), 0.5, -0.0, 1e-300, 1.7e308)


def text(dice: random.Random) -> str:
    """At most eight characters or so."""
    known = string.ascii_letters + string.digits
    return "".join(dice.choice(ODD if dice.random() < 0.4 else known) for _ in range(dice.randrange(9)))


def junk(dice: random.Random, depth: int = 3) -> Any:
    """Any JSON value, small."""
    match dice.randrange(7 if depth else 5):
        case 0:
            return None
        case 1:
            return dice.random() < 0.5
        case 2:
            return dice.choice(NUMBERS)
        case 3:
            return dice.randint(-1000, 1000)
        case 4:
            return text(dice)
        case 5:
            return [junk(dice, depth - 1) for _ in range(dice.randrange(4))]
        case _:
            return {text(dice): junk(dice, depth - 1) for _ in range(dice.randrange(4))}


def mangle(message: Any, dice: random.Random, kept: Collection[str] = ()) -> Any:
    """One member in ten is replaced, and of every second object one is gone; never the outermost ones of ``kept``."""

    def walk(value: Any) -> Any:
        if dice.random() < 0.1:
            return junk(dice)
        if isinstance(value, dict):
            gone = dice.choice(list(value)) if value and dice.random() < 0.5 else None
            return {name: walk(inner) for name, inner in value.items() if name != gone}
        if isinstance(value, list):
            return [walk(inner) for inner in value]
        return value

    if isinstance(message, dict):
        return {name: inner if name in kept else walk(inner) for name, inner in message.items()}
    return [walk(inner) for inner in message]


seeds = st.integers(0, 2**64 - 1).map(random.Random)


def mangled(messages: Sequence[Any], kept: Collection[str] = ()) -> st.SearchStrategy[bytes]:
    """Lines of JSON, each from one of these."""
    return st.builds(
        lambda message, dice: msgspec.json.encode(mangle(message, dice, kept)), st.sampled_from(messages), seeds
    )


some_junk = seeds.map(junk)
quoted = st.binary(max_size=8).map(lambda inner: b'{"type":"%b","method":"%b"}' % (inner, inner))
"""JSON but for its characters: msgspec reports bad UTF-8 in a string by another class than bad JSON."""

nothing = st.binary(max_size=64) | quoted | some_junk.map(msgspec.json.encode)
"""Lines that are nothing at all."""
