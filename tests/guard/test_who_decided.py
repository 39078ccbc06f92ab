"""Who decided: an ask names the token that was shown, by its name and the scope that allowed it."""

import pytest

from sandbox_agent.schema.access.scopes import Scope
from sandbox_agent.schema.approvals.decided_by import DecidedBy

from ..transport.api.test_websocket import peer
from .world import OWN, bearer, world

REPLY = "/v1/sessions/s/permissions/p/reply"


@pytest.mark.parametrize(
    ("scopes", "name", "scope"),
    [(("read", "approve"), "t1", "approve"), (("admin",), "t1", "admin"), ((), "default", "admin")],
)
async def test_the_log_is_told_the_tokens_name_and_the_scope_that_allowed_it(
    scopes: tuple[Scope, ...], name: str, scope: str
):
    async with world() as w:
        token = await w.token(*scopes) if scopes else OWN
        async with w.client(token) as client:
            assert (await client.post(REPLY, json={"reply": "once"})).status_code == 204
        for headers in (bearer(token), {}):
            async with peer(w.served, headers=headers.items()) as socket:
                if not headers:
                    await socket.ask(type="auth", token=token, id="0")
                await socket.ask(id="1", type="question.reject", questionId="q")
                await socket.ask(id=f"again{len(headers)}", type="permission.reply", permissionId="p", reply="once")
        by_http, *by_websocket = w.door.decided_by
        assert by_http == DecidedBy("token", token=name, scope=scope, transport="http")
        assert len(by_websocket) == 3
        assert set(by_websocket) == {DecidedBy("token", token=name, scope=scope, transport="websocket")}
