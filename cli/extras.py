"""Imports without the extras that a library takes along whenever it finds them installed."""

import sys
from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def without(*names: str) -> Generator[None]:
    """In the block these packages count as not installed, unless they are imported already. They can be imported after
    it as ever: what took no notice of them then goes on without them."""
    extras = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(extras))  # type: ignore[arg-type] # None is how the import system is told
    try:
        yield
    finally:
        for name in extras:
            del sys.modules[name]
