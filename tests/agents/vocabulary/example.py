"""A small value that a JSON schema allows: what is required, of each choice the first, and one element of each list."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]

DEEPEST = 40

_PLAIN: Mapping[str, Any] = {"string": "x", "integer": 1, "number": 1, "boolean": True, "null": None}


def example(schema: Any, root: Schema, depth: int = 0) -> Any:
    """``root`` is the document that references are looked up in."""
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return {}
    if "$ref" in schema:
        return example(resolved(schema, root), root, depth + 1)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "default" in schema and schema["default"] is not None:
        return schema["default"]
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            value = example(schema[choice][0], root, depth + 1)
            return _members(schema, root, depth) | value if isinstance(value, dict) else value
    if "allOf" in schema:
        whole: Any = {}
        for part in schema["allOf"]:
            value = example(part, root, depth + 1)
            whole = whole | value if isinstance(value, dict) and isinstance(whole, dict) else value
        return whole
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "array":
        return [example(schema["items"], root, depth + 1)] if "items" in schema else []
    return _members(schema, root, depth) if kind == "object" else _PLAIN[kind]


def resolved(schema: Schema, root: Schema) -> Schema:
    """What a reference stands for; anything else as it is."""
    while "$ref" in schema:
        found: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]
        schema = found
    return schema


def choices(schema: Schema, root: Schema, name: str) -> list[Schema]:
    """The alternatives of a union, and of the unions in it. ``name`` is the member that tells them apart; what has it
    is one of them, also when there are alternatives below."""
    schema = resolved(schema, root)
    inner = schema.get("oneOf") or schema.get("anyOf")
    if not inner or name in schema.get("properties", {}):
        return [schema]
    return [each for choice in inner for each in choices(choice, root, name)]


def constant(schema: Schema, member: str, root: Schema) -> str | None:
    """The one value that a member of an object may have."""
    said = resolved(schema.get("properties", {}).get(member, {}), root)
    values = [said["const"]] if "const" in said else said.get("enum", [])
    return values[0] if len(values) == 1 else None


def _members(schema: Schema, root: Schema, depth: int) -> dict[str, Any]:
    properties = schema.get("properties", {})
    return {name: example(properties.get(name, {}), root, depth + 1) for name in schema.get("required", ())}
