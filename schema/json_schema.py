"""JSON Schema of the schema classes, in the dialect of OpenAPI 3.0.3, with wire 0.1's names for them."""

import inspect
from collections.abc import Mapping
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from . import cursor, events, items, problems, timeouts
from .api import agent_info, commands, mcp, sessions
from .approvals import decided_by, rules
from .codec import wire_name
from .fields import MAX_CHARS, MAX_ITEMS

Json = dict[str, Any]

# Two Literals with the same values are one object in Python, so an enum is named by the member that has it.
ENUM_NAMES: Mapping[tuple[type, str], str] = MappingProxyType(
    {
        (agent_info.AgentInstallProgress, "phase"): "AgentInstallPhase",
        (agent_info.ServerStatusInfo, "status"): "ServerStatus",
        (cursor.StreamResync, "reason"): "ResyncReason",
        (events.UniversalEvent, "source"): "EventSource",
        (events.UniversalEvent, "type"): "UniversalEventType",
        (events.SessionEndedData, "reason"): "SessionEndReason",
        (events.SessionEndedData, "terminated_by"): "TerminatedBy",
        (events.TurnEventData, "phase"): "TurnPhase",
        (events.TurnMetadata, "outcome"): "TurnOutcome",
        (events.PermissionEventData, "status"): "PermissionStatus",
        (events.QuestionEventData, "status"): "QuestionStatus",
        (rules.PermissionRule, "kind"): "PermissionRuleKind",
        (decided_by.DecidedBy, "kind"): "DecidedByKind",
        (decided_by.DecidedBy, "transport"): "DecidedByTransport",
        (items.UniversalItem, "kind"): "ItemKind",
        (items.UniversalItem, "role"): "ItemRole",
        (items.UniversalItem, "status"): "ItemStatus",
        (items.FileRefPart, "action"): "FileAction",
        (items.ReasoningPart, "visibility"): "ReasoningVisibility",
        (mcp.McpRemoteServer, "transport"): "McpRemoteTransport",
        (sessions.AgentError, "type"): "ErrorType",
        (sessions.PermissionReplyRequest, "reply"): "PermissionReply",
        (commands.PermissionReplyCommand, "reply"): "PermissionReply",
        (sessions.InterruptResponse, "found"): "InterruptFound",
        (sessions.SessionInfo, "status"): "SessionStatus",
    }
)

UNION_NAMES: Mapping[frozenset[Any], str] = MappingProxyType(
    {
        frozenset(get_args(items.ContentPart)): "ContentPart",
        frozenset(get_args(events.EventData)): "UniversalEventData",
        frozenset(get_args(mcp.McpServerConfig)): "McpServerConfig",
        frozenset(get_args(commands.Command)): "Command",
        frozenset((str, tuple[str, ...])): "McpCommand",
        frozenset((mcp.McpOAuthConfig, bool)): "McpOAuthConfigOrDisabled",
    }
)

SCALARS: Mapping[Any, Json] = MappingProxyType(
    {
        str: {"type": "string"},
        bool: {"type": "boolean"},
        int: {"type": "integer", "format": "int64"},
        float: {"type": "number"},
    }
)


class Components:
    """Collects the named schemas that a document refers to, each once."""

    def __init__(self) -> None:
        self._schemas: dict[str, Json] = {}

    def __repr__(self) -> str:
        return f"<Components {len(self._schemas)}>"

    def schemas(self) -> dict[str, Json]:
        return dict(sorted(self._schemas.items()))

    def of(self, tp: Any, name: str | None = None) -> Json:
        """The schema of a type, by reference where it has a name; ``name`` is the one for an enum."""
        if tp is Any:
            return {}
        if tp in SCALARS:
            return dict(SCALARS[tp])
        if attrs.has(tp):
            return self._named(tp.__name__, lambda: self._object(tp))
        if get_origin(tp) in (Union, UnionType):
            return self._union(tp, name)
        if get_origin(tp) is Literal:
            enum: Json = {"type": "string", "enum": list(get_args(tp))}
            return self._named(name, lambda: enum) if name else enum
        if get_origin(tp) is tuple:
            return {"type": "array", "items": self.of(get_args(tp)[0])}
        if get_origin(tp) is dict:
            return {"type": "object", "additionalProperties": self.of(get_args(tp)[1])}
        raise TypeError(f"no JSON Schema for {tp!r}")

    def _union(self, tp: Any, name: str | None) -> Json:
        arms = [arm for arm in get_args(tp) if arm is not NoneType]
        if len(arms) == 1:
            one = self.of(arms[0], name)
        elif union_name := UNION_NAMES.get(frozenset(arms)):
            one = self._named(union_name, lambda: self._one_of(arms))
        else:
            one = self._one_of(arms)
        return nullable(one) if len(arms) < len(get_args(tp)) else one

    def _one_of(self, arms: list[Any]) -> Json:
        """``oneOf`` for variants that a ``type`` distinguishes, otherwise ``anyOf``: a value may fit two of them."""
        tags = {tag_of(arm): self.of(arm)["$ref"] for arm in arms if attrs.has(arm) and tag_of(arm)}
        if len(tags) == len(arms):
            one = [self.of(arm) for arm in arms]
            return {"oneOf": one, "discriminator": {"propertyName": "type", "mapping": tags}}
        return {"anyOf": [self.of(arm) for arm in arms]}

    def _object(self, cls: type) -> Json:
        fields = attrs.fields(attrs.resolve_types(cls))
        properties: Json = {}
        for field in fields:
            schema = self.of(field.type, ENUM_NAMES.get((cls, field.name)))
            if chars := field.metadata.get(MAX_CHARS):
                schema = {**schema, "maxLength": chars}
            if items := field.metadata.get(MAX_ITEMS):
                schema = {**schema, "maxItems": items}
            if shape := field.metadata.get("shape"):
                # Beside an open schema, as in wire 0.1: a narrower schema would refuse values that are sent.
                schema = {**schema, "x-shape": self.of(shape), "description": f"`{shape.__name__}`, and more."}
            if doc := field.metadata.get("doc"):
                schema = described(schema, doc)
            properties[wire_name(cls, field.name)] = schema
        required = [wire_name(cls, f.name) for f in fields if f.default is attrs.NOTHING or not f.init]
        found: Json = {"type": "object", "properties": properties}
        if required:
            found["required"] = required
        if cls is problems.ProblemDetails:
            found["additionalProperties"] = True
        if cls is timeouts.SessionTimeouts:
            found["additionalProperties"] = False
        return found | ({"description": inspect.cleandoc(cls.__doc__)} if cls.__doc__ else {})

    def _named(self, name: str, build: Any) -> Json:
        if name not in self._schemas:
            self._schemas[name] = {}  # for a class that contains itself: it finds its name in use
            self._schemas[name] = build()
        return {"$ref": f"#/components/schemas/{name}"}


def tag_of(cls: Any) -> str | None:
    """The constant ``type`` of a union's variant."""
    kind = attrs.fields_dict(cls).get("type")
    return kind.default if kind is not None and not kind.init else None


def nullable(schema: Json) -> Json:
    """OpenAPI 3.0 allows nothing beside a ``$ref``, so a reference is wrapped."""
    if not schema:
        return {"nullable": True}
    return ({"allOf": [schema]} if "$ref" in schema else schema) | {"nullable": True}


def described(schema: Json, text: str) -> Json:
    return ({"allOf": [schema]} if "$ref" in schema else schema) | {"description": text}
