"""The route of a command: what it says of itself goes into the route, and one handler serves all of them."""

from typing import Any

from ...actors.public import Answer
from ...schema.api.commands import Receipt, SessionCommand
from ..route import Route
from .call import Call


async def execute_command(call: Call) -> Answer:
    return await call.execute()


def command(path: str, cls: type[SessionCommand], name: str, *, method: str = "POST", **rest: Any) -> Route:
    """``name`` is the operation's id. A receipt is answered in a header alone, as on wire 0.1."""
    answer = None if cls.result is Receipt else cls.result
    return Route(
        method=method,
        path=path,
        handler=execute_command,
        name=name,
        command=cls,
        scopes=(cls.scope,),
        answer=answer,
        status=204 if answer is None else 200,
        tag="sessions",
        **rest,
    )
