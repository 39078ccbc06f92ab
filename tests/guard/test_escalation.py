"""Privilege escalation: no operation is done with a token that lacks a scope of it, and none without a token."""

import json
import re
from typing import get_args

import pytest

from sandbox_agent.schema.access.scopes import SCOPES, Scope
from sandbox_agent.schema.api.commands import Command, SessionCommand
from sandbox_agent.transport.api.openapi import document
from sandbox_agent.transport.api.routes import ROUTES, Route

from ..transport.api.test_problems import problem
from ..transport.api.test_websocket import peer
from ..transport.handshake import KEY
from .world import World, bearer, world

OPEN = {"get_root", "get_health", "get_openapi", "get_proof"}

NEEDED: dict[str, set[Scope]] = {
    "list_tokens": {"admin"},
    "create_token": {"admin"},
    "revoke_token": {"admin"},
    "create_ticket": set(),
    "get_metrics": {"read"},
    "list_agents": {"read"},
    "install_agent": {"admin"},
    "get_agent_modes": {"read"},
    "get_agent_models": {"read"},
    "list_sessions": {"read"},
    "create_session": {"admin"},
    "get_session": {"read"},
    "delete_session": {"admin"},
    "post_message": {"prompt"},
    "post_message_stream": {"prompt", "read"},
    "get_queue": {"read"},
    "cancel_prompt": {"prompt"},
    "get_events": {"read"},
    "get_events_sse": {"read"},
    "open_websocket": {"read"},
    "get_all_events_sse": {"read"},
    "reply_permission": {"approve"},
    "reply_question": {"approve"},
    "reject_question": {"approve"},
    "interrupt_session": {"prompt"},
    "terminate_session": {"prompt"},
    "list_rules": {"read"},
    "revoke_rule": {"approve"},
    "list_permissions": {"read"},
    "list_questions": {"read"},
}
"""Said once more, by hand: who adds an operation, or changes what one needs, says so here too."""

FRAMES: dict[str, dict[str, object]] = {
    "message": {"message": "hi"},
    "permission.reply": {"permissionId": "p", "reply": "once"},
    "question.reply": {"questionId": "q", "answers": [["a"]]},
    "question.reject": {"questionId": "q"},
    "queue.cancel": {"turnId": "turn_1"},
    "interrupt": {},
    "terminate": {},
}
BODIES: dict[str, object] = {
    "post_message": {"message": "hi"},
    "post_message_stream": {"message": "hi"},
    "reply_permission": {"reply": "always"},
    "reply_question": {"answers": [["a"]]},
    "create_session": {"agent": "mock"},
    "create_token": {"name": "mine", "scopes": ["admin"]},
    "create_ticket": {"path": "/v1/sessions/s/events/sse"},
    "install_agent": {"reinstall": True},
}


def of_route(route: Route) -> str:
    return route.operation_id


def path_of(route: Route) -> str:
    names = {"session_id": "s", "agent": "mock", "name": "t1"}
    return re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], "x"), route.path)


async def status(world: World, route: Route, token: str | None) -> tuple[int, bytes]:
    """Of a request; of a stream only its head is read."""
    headers = {} if token is None else bearer(token)
    if route.kind == "websocket":
        headers |= {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        headers |= {"Sec-WebSocket-Key": KEY}
    async with (
        world.served.client() as client,
        client.stream(route.method, path_of(route), headers=headers, json=BODIES.get(of_route(route))) as response,
    ):
        return response.status_code, b"" if response.is_success else await response.aread()


def test_every_operation_says_what_it_needs_and_says_it_in_the_document():
    said = {of_route(route): set(route.scopes) for route in ROUTES if not route.open}
    assert said == NEEDED
    assert {of_route(route) for route in ROUTES if route.open} == OPEN
    for route in ROUTES:
        operation = document()["paths"][route.path][route.method.lower()]
        assert operation.get("x-scopes", []) == list(route.scopes)
        assert all(f"`{scope}`" in operation["description"] for scope in route.scopes)


@pytest.mark.parametrize("route", [route for route in ROUTES if not route.open], ids=of_route)
async def test_a_token_without_the_scope_gets_a_403_that_names_both_and_nothing_is_done(route: Route):
    needed = NEEDED[of_route(route)]
    async with world() as w:
        tokens = {held: await w.token(held) for held in SCOPES}
        for number, (held, token) in enumerate(tokens.items(), 1):
            if held == "admin" or needed <= {held}:
                continue
            code, body = await status(w, route, token)
            said = json.loads(body)
            assert (code, said["type"]) == (403, "urn:sandbox-agent:error:insufficient_scope"), (held, body)
            assert said["scope"] in needed - {held}
            assert (said["token"], said["scopes"]) == (f"t{number}", [held])
        assert w.door.calls == []
        assert len(w.door.tokens.list()) == len(SCOPES)


@pytest.mark.parametrize("route", [route for route in ROUTES if not route.open], ids=of_route)
async def test_nothing_is_done_without_a_token_or_with_one_that_is_unknown(route: Route):
    async with world() as w:
        await w.token("admin")
        # A browser brings the token in the first frame of its WebSocket: tests/transport/api/test_websocket.py.
        nothing = () if route.kind == "websocket" else (None,)
        for token in (*nothing, "sat_unknown-unknown-unknown"):
            assert (await status(w, route, token))[0] == 401
        assert w.door.calls == []


@pytest.mark.parametrize("route", [route for route in ROUTES if not route.open], ids=of_route)
async def test_exactly_the_scopes_that_it_needs_are_enough_and_admin_is(route: Route):
    async with world() as w:
        for scopes in (tuple(NEEDED[of_route(route)]) or ("read",), ("admin",)):
            code, body = await status(w, route, await w.token(*scopes))
            assert code not in (401, 403), (scopes, body)


def test_every_command_has_a_scope_and_one_that_nobody_thought_of_needs_the_most():
    assert all("scope" in vars(cls) for cls in get_args(Command))

    class New(SessionCommand): ...

    assert New.scope == "admin"


@pytest.mark.parametrize("held", [scope for scope in SCOPES if scope != "read"])
async def test_a_command_on_a_websocket_needs_what_it_needs_over_http(held: Scope):
    async with world() as w:
        token = await w.token("read", held)
        async with peer(w.served, headers=bearer(token).items()) as socket:
            for cls in get_args(Command):
                kind = cls().type if not FRAMES[_type(cls)] else _type(cls)
                done = await socket.ask(id=f"{kind}1", type=kind, **FRAMES[kind])
                allowed = held in (cls.scope, "admin")
                assert (done["type"] == "ack") is allowed, (kind, done)
                if not allowed:
                    said = done["problem"]
                    assert said["type"].endswith(":insufficient_scope")
                    assert (said["scope"], said["token"]) == (cls.scope, "t1")
        needed = {cls.scope for cls in get_args(Command)}
        assert bool(w.door.calls) is (held in needed | {"admin"})


def _type(cls: type) -> str:
    return cls.__attrs_attrs__.type.default  # pyright: ignore[reportAttributeAccessIssue]


async def test_a_websocket_without_read_does_not_open():
    async with world() as w:
        token = await w.token("prompt")
        async with peer(w.served) as socket:
            await socket.send(type="auth", token=token)
            refused = await socket.read()
            assert refused["problem"]["type"].endswith(":insufficient_scope")
            assert await socket.closed() == 4403


async def test_a_token_cannot_give_out_more_than_admin_may_and_no_name_of_the_daemons_own():
    async with world() as w, w.client() as client:
        for body, says in (
            ({"name": "x", "scopes": ["root"]}, "scopes"),
            ({"name": "x", "scopes": []}, "at least one"),
            ({"name": "default", "scopes": ["admin"]}, "daemon's own"),
            ({"name": "Anyone", "scopes": ["admin"]}, "daemon's own"),
            ({"name": "../x", "scopes": ["read"]}, "letters"),
            ({"name": "x" * 65, "scopes": ["read"]}, "64"),
            ({"name": "x", "scopes": ["read"], "sessionId": "a\n"}, "control"),
            ({"name": "x", "scopes": ["read"], "expiresIn": 0}, "seconds"),
            ({"name": "x", "scopes": ["read"], "expiresIn": -5}, "seconds"),
        ):
            refused = await client.post("/v1/tokens", json=body)
            assert refused.status_code in (400, 422), body
            assert says in refused.text
        problem(await client.delete("/v1/tokens/default"), 403, "permission_denied")
        problem(await client.delete("/v1/tokens/x"), 404, "token_not_found")
        assert w.door.tokens.list() == ()


async def test_a_daemon_without_a_token_gives_out_none():
    from ..transport.door import Door
    from ..transport.serving import serving

    async with serving(Door()) as served, served.client() as client:
        refused = await client.post("/v1/tokens", json={"name": "x", "scopes": ["read"]})
        assert "--no-token" in problem(refused, 400, "invalid_request")["detail"]
