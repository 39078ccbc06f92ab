"""Field helpers shared by every wire class.

The 0.1 wire has two kinds of optional member: some are ``null`` when unset, some are left out. An attrs default
of ``None`` means the first; :func:`optional` means the second. The codec reads the metadata.
"""

from typing import Any

import attrs

OMIT = "omit_when_none"
MAX_CHARS = "max_chars"
MAX_JSON_BYTES = "max_json_bytes"
MAX_ITEMS = "max_items"


class BadMember(ValueError):
    """The caller's value does not fit the member of this name (the name in Python)."""

    def __init__(self, member: str, message: str) -> None:
        super().__init__(message)
        self.member = member


def optional(doc: str = "", shape: type | None = None) -> Any:
    """An optional member that is left out of the JSON when it is ``None``. ``shape`` is the class that describes a
    member of type ``Any``, which may contain more than that."""
    return attrs.field(default=None, metadata={OMIT: True, "doc": doc, "shape": shape})


def bounded(chars: int, default: Any = None) -> Any:
    """A text of at most so many characters, when it comes from a client. Longer kept texts can still be read."""
    return attrs.field(default=default, metadata={MAX_CHARS: chars})


def bounded_json(size: int) -> Any:
    """An :func:`optional` member of at most so many bytes of JSON, when it comes from a client."""
    doc = f"At most {size} bytes of JSON."
    return attrs.field(default=None, metadata={OMIT: True, MAX_JSON_BYTES: size, "doc": doc})


def bounded_items(count: int, default: Any = attrs.NOTHING, *, shown: bool = True) -> Any:
    """An array of at most so many elements, when it comes from a client. They are counted before any is decoded.
    ``shown`` is false for what may be secret: it is left out of the object's ``repr``."""
    return attrs.field(default=default, repr=shown, metadata={MAX_ITEMS: count})
