"""The OpenAPI document: valid, committed, served, and no smaller than wire 0.1's."""

import json
import os
from pathlib import Path

from openapi_spec_validator import validate

from sandbox_agent.transport.api.openapi import document, document_json
from sandbox_agent.transport.api.routes import ROUTES

from ..door import Door
from ..serving import serving

ROOT = Path(__file__).parents[3]
REFERENCE = "SANDBOX_AGENT_REFERENCE_OPENAPI"

LATER_PATHS = {
    "/v1/fs/entries",
    "/v1/fs/entry",
    "/v1/fs/file",
    "/v1/fs/mkdir",
    "/v1/fs/move",
    "/v1/fs/stat",
    "/v1/fs/upload-batch",
}
LATER_SCHEMAS = {
    "FsActionResponse",
    "FsDeleteQuery",
    "FsEntriesQuery",
    "FsEntry",
    "FsEntryType",
    "FsMoveRequest",
    "FsMoveResponse",
    "FsPathQuery",
    "FsSessionQuery",
    "FsStat",
    "FsUploadBatchQuery",
    "FsUploadBatchResponse",
    "FsWriteResponse",
}


def test_it_is_valid():
    validate(document())


def test_the_committed_copy_has_not_drifted():
    committed = (ROOT / "docs" / "openapi.json").read_bytes()
    assert committed == document_json(), "run: python -m sandbox_agent.transport.api.openapi > docs/openapi.json"


async def test_it_is_served():
    async with serving(Door(), token="t") as served, served.client() as client:
        assert (await client.get("/openapi.json")).json() == document()


def test_operation_ids_are_unique():
    ids = [route.operation_id for route in ROUTES]
    assert len(ids) == len(set(ids))


def reference() -> dict:
    """Wire 0.1's own document when the variable names it; else what is known of it: its structure without its words."""
    named = os.environ.get(REFERENCE)
    return json.loads((Path(named) if named else Path(__file__).with_name("wire-0.1.12.json")).read_text())


def resolve(schema: dict, root: dict) -> dict:
    """Without references and without the wrapping that makes them nullable."""
    while True:
        if "$ref" in schema:
            schema = root["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        elif len(schema.get("allOf", ())) == 1:
            schema = schema["allOf"][0]
        else:
            return schema


def missing(theirs: dict, ours: dict, their_root: dict, our_root: dict, where: str) -> list[str]:
    """Fields, enum values and variants of ``theirs`` that ``ours`` lacks, and types that differ."""
    theirs, ours = resolve(theirs, their_root), resolve(ours, our_root)
    found = [f"{where}: enum {value}" for value in theirs.get("enum", ()) if value not in ours.get("enum", ())]
    if theirs.get("type") != ours.get("type"):
        found.append(f"{where}: type {theirs.get('type')} is {ours.get('type')}")
    for name, schema in theirs.get("properties", {}).items():
        if name not in ours.get("properties", {}):
            found.append(f"{where}: field {name}")
        else:
            found += missing(schema, ours["properties"][name], their_root, our_root, f"{where}.{name}")
    for key in ("items", "additionalProperties"):
        if theirs.get(key):
            mine = ours.get(key)
            found += missing(theirs[key], mine, their_root, our_root, f"{where}[]") if mine else [f"{where}: {key}"]
    for number, variant in enumerate(theirs.get("oneOf", ())):
        tried = [
            missing(variant, mine, their_root, our_root, f"{where}|{number}")
            for mine in (ours.get("oneOf") or ours.get("anyOf") or ())
        ]
        found += min(tried, key=len, default=[f"{where}|{number}"])
    return found


def parameters(operation: dict) -> set[tuple[str, str]]:
    return {(parameter["name"], parameter["in"]) for parameter in operation.get("parameters", ())}


def test_nothing_of_the_reference_is_missing():
    theirs, ours = reference(), document()
    found: list[str] = []
    for path, operations in theirs["paths"].items():
        if path in LATER_PATHS:
            continue
        for method, operation in operations.items():
            mine = ours["paths"].get(path, {}).get(method, {})
            if mine.get("operationId") != operation["operationId"]:
                found.append(f"{method} {path}: {operation['operationId']}")
                continue
            names = {(p["name"], p["in"]) for p in mine.get("parameters", ())}
            found += [
                f"{path}: {p['name']}" for p in operation.get("parameters", ()) if (p["name"], p["in"]) not in names
            ]
            found += [
                f"{path}: status {status}" for status in operation["responses"] if status not in mine["responses"]
            ]
    for name, schema in theirs["components"]["schemas"].items():
        if name in LATER_SCHEMAS:
            continue
        mine = ours["components"]["schemas"].get(name)
        found += [f"schema {name}"] if mine is None else missing(schema, mine, theirs, ours, name)
    assert found == []


def test_what_comes_later_is_named_only_while_it_is_missing():
    theirs, ours = reference(), document()
    assert theirs["paths"].keys() >= LATER_PATHS
    assert theirs["components"]["schemas"].keys() >= LATER_SCHEMAS
    assert not ours["paths"].keys() & LATER_PATHS
    assert not ours["components"]["schemas"].keys() & LATER_SCHEMAS
