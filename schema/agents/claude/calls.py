"""Which tool call claude means by an id, and which sub-agent speaks.

Claude names a call by the model's id of it, in results, in asks and in what its sub-agents say. Some gateways give all
calls the same id.
"""

from typing import Any

from ...bounds import bounded_id
from ..json_lines import members, plain
from ..names import Names
from ..open_calls import Call, Calls, narrowed
from ..remembered import Remembered
from .diff import called_file
from .wire import Block, ToolRequest

PLAN_TOOL = "ExitPlanMode"

_AGENTS = ("Agent", "Task")
"""Tools that call a sub-agent: the second is the older name."""

_COMMANDS = ("Bash", "PowerShell")


class ClaudeCalls:
    def __init__(self, names: Names) -> None:
        self._calls = Calls(names)
        self._agents = Remembered[str]()  # the newest call of a sub-agent by claude's id of the call
        self._callers = Remembered[str]()  # the call of each sub-agent by claude's id of the sub-agent

    def __repr__(self) -> str:
        return repr(self._calls)

    def turn_ended(self) -> None:
        """A call may never get its result. Sub-agents go on in the background."""
        for call in self._calls.all():
            if call.speaker is None:
                self._calls.close(call)

    def open(self, block: Block, speaker: str | None) -> Call:
        return self._calls.open(block.id, block.name, speaker)

    def learn(self, call: Call, block: Block) -> None:
        """The whole of the call."""
        arguments = plain(block.input)
        self._calls.learn(call, block.name, arguments, len(bytes(block.input)))
        file = called_file(block.name, arguments)
        call.files = () if file is None else (file,)
        if block.name in _AGENTS:
            self._agents.put(call.native_id, call.name)

    def speaker(self, called_by: str | None, agent: Any) -> str | None:
        """The call that a line's sub-agent was called by; None where the main conversation speaks. ``agent`` is
        claude's id of the sub-agent, which older versions do not tell."""
        known = self._callers.get(bounded_id(agent)) if isinstance(agent, str) else None
        if known is not None or called_by is None:
            return known
        return self._agents.get(bounded_id(called_by)) or self._calls.latest(called_by)

    def told(self, facts: dict[str, Any]) -> dict[str, Any]:
        """What claude says about a task, with our name of the call that it was started by."""
        called_by, task = facts.get("tool_use_id"), facts.get("task_id")
        if not isinstance(called_by, str):
            return facts
        if facts.get("subtype") == "task_started" and isinstance(task, str):
            self._begun(called_by, task, facts)
        return {**facts, "tool_use_id": self.speaker(called_by, task)}

    def _begun(self, called_by: str, task: str, facts: dict[str, Any]) -> None:
        begun = set(self._callers.values())
        calls = narrowed(
            self._calls.under_way(called_by),
            lambda call: call.name not in begun,
            lambda call: members(call.arguments).get("prompt") == facts.get("prompt"),
        )
        if calls:
            self._callers.put(bounded_id(task), calls[0].name)

    def asked(self, request: ToolRequest, arguments: Any) -> Call | None:
        """The call that claude asks about."""
        speaker = self.speaker(None, request.agent_id)
        calls = narrowed(
            self._calls.under_way(request.tool_use_id),
            lambda call: call.speaker == speaker,
            lambda call: (call.tool, call.arguments) == (request.tool_name, arguments),
            lambda call: call.tool == request.tool_name,
            lambda call: not call.asked,
        )
        if not calls:
            return None
        calls[0].asked = True
        return calls[0]

    def result(self, native_id: str, speaker: str | None, facts: Any) -> list[Call]:
        """The call that a result is of: the first. The others could be meant as well."""
        told = members(facts)
        calls = narrowed(
            self._calls.under_way(native_id),
            lambda call: call.speaker == speaker,
            lambda call: self._fits(call, told),
        )
        if calls:
            self._calls.close(calls[0])
        return calls

    def latest(self, native_id: str) -> str:
        return self._calls.latest(native_id)

    def _fits(self, call: Call, facts: dict[str, Any]) -> bool:
        """Whether the facts about a result are such as this call would have."""
        if isinstance(agent := facts.get("agentId"), str):
            return self._callers.get(bounded_id(agent)) == call.name
        path = facts.get("filePath") or members(facts.get("file")).get("filePath")
        if isinstance(path, str):
            return any(file.path == path for file in call.files)
        return call.tool in _COMMANDS if "stdout" in facts else call.tool not in _COMMANDS


def plan_of(call: Call | None) -> str | None:
    """The plan that the model named in its call: claude leaves it out when it asks for the plan's approval, unless the
    same plan is in a file."""
    plan = members(call.arguments).get("plan") if call is not None and call.tool == PLAN_TOOL else None
    return plan if isinstance(plan, str) else None
