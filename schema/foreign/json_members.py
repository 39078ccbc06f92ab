"""Reads named members of a JSON object. The rest is skipped and not built: a large file costs a few strings."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from ..json_text import BAD_JSON
from .not_readable import NotReadable

MAX_OBJECT_BYTES = 1 << 20
"""Most members of an object of which all are read: each takes some 200 bytes of memory, however short it is."""

_BOM = b"\xef\xbb\xbf"
_NOT_SCALAR = (b"{", b"[", b"")


class Picker:
    """Reads the members with dotted names from a JSON object. No part of a name may contain a dot."""

    def __init__(self, names: Iterable[str]) -> None:
        self._paths = {name: tuple(name.split(".")) for name in names}
        parents = {path[:depth] for path in self._paths.values() for depth in range(len(path))}
        self._types = {parent: self._type_of(parent) for parent in parents}

    def __repr__(self) -> str:
        return f"<Picker {' '.join(self._paths)}>"

    def _type_of(self, parent: tuple[str, ...]) -> type[Any]:
        depth = len(parent)
        members = {path[depth] for path in self._paths.values() if len(path) > depth and path[:depth] == parent}
        return msgspec.defstruct("Picked", [(name, Raw, Raw()) for name in sorted(members)])

    def __call__(self, data: bytes) -> Mapping[str, Any]:
        """Strings, numbers and booleans by name; what is missing, null, an array or an object is left out. Raises
        :class:`NotReadable`."""
        objects: dict[tuple[str, ...], Any] = {}
        picked = ((name, self._pick(data, path, objects)) for name, path in self._paths.items())
        return {name: value for name, value in picked if value is not None}

    def _pick(self, data: bytes, path: tuple[str, ...], objects: dict[tuple[str, ...], Any]) -> Any:
        """``objects`` are the parent objects that were decoded before, by their path."""
        part = data.removeprefix(_BOM)
        for depth, name in enumerate(path):
            parent = path[:depth]
            if parent not in objects:
                objects[parent] = decoded(part, self._types[parent]) if not parent or part[:1] == b"{" else None
            part = bytes(getattr(objects[parent], name, b""))
        return None if part[:1] in _NOT_SCALAR else decoded(part, Any)


def json_object(data: bytes) -> dict[str, Any]:
    """All members. Raises :class:`NotReadable`."""
    if len(data) > MAX_OBJECT_BYTES:
        raise NotReadable(f"is longer than {MAX_OBJECT_BYTES} bytes")
    return decoded(data.removeprefix(_BOM), dict[str, Any])


def decoded(data: bytes, kind: Any) -> Any:
    """Raises :class:`NotReadable`."""
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.ValidationError as error:
        raise NotReadable("is not a JSON object") from error
    except BAD_JSON as error:
        raise NotReadable("is not JSON") from error
