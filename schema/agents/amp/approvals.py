"""What Amp asks of a human. It has no words for it on stdout: the delegate rule of its permissions runs our hook,
whose exit status decides."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...api.sessions import PermissionReply
from ..effects import AnswerHook, Effect, RequestPermission, WithdrawApproval
from .always import EDITS, always_of

_DENIED = "The user does not allow this."


class Approvals:
    """Hooks that wait, by the id of their permission. ``prefix`` makes it unique among the processes of a session.
    ``accept_edits``: the session's mode accepts changes of files inside of the workspace."""

    def __init__(self, prefix: str, *, accept_edits: bool = False) -> None:
        self._prefix = prefix
        self._accept_edits = accept_edits
        self._open: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<Approvals open={sorted(self._open)}>"

    def hooked(
        self, hook_id: str, request: Mapping[str, Any], call_of: Callable[[str, Any, Any], str | None]
    ) -> Iterator[Effect]:
        """``call_of`` finds the call of a tool by its input, and by its id if the hook was told it: the native program
        tells none."""
        tool, tool_input = request.get("tool"), request.get("input")
        if not isinstance(tool, str) or not tool:
            yield AnswerHook(hook_id, False, "This request names no tool.")
            return
        permission_id = f"{self._prefix}.{hook_id}"
        self._open[permission_id] = hook_id
        metadata = {
            "toolName": tool,
            "input": tool_input,
            "threadId": request.get("thread"),
            "toolUseId": call_of(tool, tool_input, request.get("toolUseId")),
        }
        inside = self._accept_edits and tool in EDITS
        yield RequestPermission(permission_id, tool, metadata, None, always_of(tool, tool_input), accept_inside=inside)

    def answered(self, permission_id: str, reply: PermissionReply) -> Iterator[Effect]:
        """Always is the broker's to remember: the rules that Amp runs with were written before it started."""
        hook_id = self._open.pop(permission_id, None)
        if hook_id is not None:
            allow = reply != "reject"
            yield AnswerHook(hook_id, allow, "" if allow else _DENIED)

    def gone(self, hook_id: str) -> Iterator[Effect]:
        for permission_id in [p for p, known in self._open.items() if known == hook_id]:
            del self._open[permission_id]
            yield WithdrawApproval(permission_id)

    def withdraw_all(self) -> Iterator[Effect]:
        """Amp has stopped, and its hooks with it."""
        for permission_id in self._open:
            yield WithdrawApproval(permission_id)
        self._open.clear()
