"""Confinement: a token of one session learns nothing of another one, not even that it is there."""

import re

import pytest

from sandbox_agent.schema.api.sessions import (
    PendingPermission,
    PendingQuestion,
    PermissionListResponse,
    QuestionListResponse,
)
from sandbox_agent.schema.events import PermissionEventData, QuestionEventData
from sandbox_agent.transport.api.routes import ROUTES, Route

from ..transport.api.test_problems import problem
from ..transport.api.test_websocket import peer
from .test_escalation import BODIES, of_route
from .world import bearer, world

OF_SESSION = [route for route in ROUTES if route.of_session and route.kind != "websocket"]
SHARED = {"list_agents", "get_agent_modes", "get_agent_models"}
FILTERED = {"list_sessions", "list_permissions", "list_questions", "create_ticket"}


@pytest.mark.parametrize("route", OF_SESSION, ids=of_route)
async def test_another_session_is_answered_as_one_that_does_not_exist(route: Route):
    async with world(None, "mine", "secret") as w:
        async with w.client(await w.token("admin", session_id="mine")) as client:
            answers = []
            for session in ("secret", "nowhere"):
                path = re.sub(r"\{(\w+)\}", lambda found: session if found[1] == "session_id" else "x", route.path)  # noqa: B023
                refused = await client.request(route.method, path, json=BODIES.get(of_route(route)))
                assert problem(refused, 404, "session_not_found")["sessionId"] == session
                # Whether the connection stays depends on when the body came.
                headers = sorted(set(refused.headers) - {"connection"})
                answers.append((refused.content.replace(session.encode(), b"ID"), headers))
            assert answers[0] == answers[1]
        assert w.door.calls == []
        assert set(w.door.sessions) == {"mine", "secret"}


async def test_a_websocket_to_another_session_is_refused_as_to_one_that_does_not_exist():
    async with world(None, "mine", "secret") as w:
        token = await w.token("admin", session_id="mine")
        said = []
        for session in ("secret", "nowhere"):
            async with peer(w.served, f"/v1/sessions/{session}/ws") as socket:
                await socket.send(type="auth", token=token)
                said.append(str(await socket.read()).replace(session, "ID"))
                assert await socket.closed() == 4404
        assert said[0] == said[1]
        async with peer(w.served, "/v1/sessions/mine/ws", headers=bearer(token).items()) as socket:
            assert (await socket.ask(id="1", type="interrupt"))["type"] == "ack"


def test_whatever_is_not_of_one_session_is_refused_unless_it_was_thought_of():
    limited = {of_route(route) for route in ROUTES if route.limited}
    assert limited == SHARED | FILTERED


@pytest.mark.parametrize(
    "route",
    [route for route in ROUTES if not (route.of_session or route.limited or route.open)],
    ids=of_route,
)
async def test_what_is_about_all_sessions_or_the_daemon_is_refused(route: Route):
    async with world(None, "mine", "secret") as w, w.client(await w.token("admin", session_id="mine")) as client:
        path = re.sub(r"\{\w+\}", "x", route.path)
        refused = problem(
            await client.request(route.method, path, json=BODIES.get(of_route(route))), 403, "permission_denied"
        )
        assert "'mine'" in refused["details"]["message"]
        assert "secret" not in str(refused)


async def test_lists_hold_nothing_of_other_sessions():
    async with world(None, "mine", "secret") as w:

        async def permissions() -> PermissionListResponse:
            asked = PermissionEventData("p", "Bash", "requested")
            return PermissionListResponse(tuple(PendingPermission(s, 1, asked) for s in ("mine", "secret")))

        async def questions() -> QuestionListResponse:
            asked = QuestionEventData("q", "why", ("x",), None, "requested")
            return QuestionListResponse(tuple(PendingQuestion(s, 1, asked) for s in ("mine", "secret")))

        w.door.pending_permissions, w.door.pending_questions = permissions, questions  # type: ignore[method-assign]
        async with w.client(await w.token("read", session_id="mine")) as client:
            for path, name in (("sessions", "sessions"), ("permissions", "permissions"), ("questions", "questions")):
                answer = await client.get(f"/v1/{path}")
                assert [entry["sessionId"] for entry in answer.json()[name]] == ["mine"], path
                assert "secret" not in answer.text
            listed = (await client.get("/v1/sessions")).json()
            assert not listed.get("cursor"), "where the stream of all stands tells how much happens elsewhere"
        async with w.client(await w.token("read")) as client:
            assert len((await client.get("/v1/permissions")).json()["permissions"]) == 2
            assert (await client.get("/v1/sessions")).json()["cursor"]


async def test_a_ticket_for_another_session_is_refused_as_for_one_that_does_not_exist():
    async with world(None, "mine", "secret") as w, w.client(await w.token("read", session_id="mine")) as client:
        for session in ("secret", "nowhere"):
            refused = await client.post("/v1/tickets", json={"path": f"/v1/sessions/{session}/events/sse"})
            problem(refused, 404, "session_not_found")
        problem(await client.post("/v1/tickets", json={"path": "/v1/events/sse"}), 403, "permission_denied")
        assert (await client.post("/v1/tickets", json={"path": "/v1/sessions/mine/events/sse"})).status_code == 200


@pytest.mark.parametrize("spelling", ["%6Dine", "mine%00", "mine/", "MINE", "mine%2F..%2Fsecret", "mine;x"])
async def test_no_spelling_of_an_id_leads_elsewhere(spelling: str):
    """A percent-encoded letter is the same id; everything else is another one."""
    async with world(None, "mine", "secret") as w, w.client(await w.token("read", session_id="mine")) as client:
        answer = await client.get(f"/v1/sessions/{spelling}/events")
        assert (answer.status_code == 200) is (spelling == "%6Dine"), answer.text
