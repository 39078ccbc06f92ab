"""A thread on Amp's server: it runs the loop of the model, and leases tool calls to the program that is connected."""

from itertools import count
from typing import Any

import trio

from .amp_scenarios import AMP
from .amp_socket import AmpSocket
from .conversation import Conversation, Failure, Image, Reply, Text, Thinking, ToolCall, ToolResult
from .names import Names
from .scenarios import answer

SETTLE = 0.2
"""Seconds before a prompt is taken up: the program misses an idle state that comes with the prompt's receipt, and
nothing tells when it is past that."""

USER_ID = "user_scripted"
Message = dict[str, Any]


class AmpThread:
    """``messages`` is the conversation, which outlives every program that was connected. ``told`` is all that programs
    have told of where they run: what the real server puts before a model."""

    def __init__(self, thread_id: str, mode: str, nursery: trio.Nursery, names: Names) -> None:
        self.id = thread_id
        self.mode = mode
        self.title = ""
        self.messages: list[Message] = []
        self.tools: list[str] = []
        self.told: list[Message] = []
        self._nursery = nursery
        self._names = names
        self._sockets: list[AmpSocket] = []
        self._executor: AmpSocket | None = None
        self._ids = count(1)
        self._version = 0
        self._turn: trio.CancelScope | None = None
        self._results: dict[str, dict[str, Any]] = {}
        self._result_came = trio.Event()

    def __repr__(self) -> str:
        return f"<AmpThread {self.id} messages={len(self.messages)} sockets={len(self._sockets)}>"

    def data(self) -> dict[str, Any]:
        return {
            "id": self.id, "v": self._version, "created": 0, "messages": self.messages, "agentMode": self.mode,
            "meta": {"usesThreadActors": True},
        }  # fmt: skip

    def join(self, socket: AmpSocket) -> None:
        """The program stays silent for ever on a socket that says nothing first."""
        self._sockets.append(socket)
        self._state("idle", [socket])
        self._tell_observers()
        socket.notify("queued_messages", messages=[])

    def leave(self, socket: AmpSocket) -> None:
        self._sockets.remove(socket)
        if socket is self._executor:
            self._executor = None
            self._cancel()

    def handle(self, socket: AmpSocket, message: dict[str, Any]) -> None:
        params = message.get("params") or {}
        method = message.get("method")
        if method is not None and method.startswith("executor_"):
            self.told.append(message)
        connected = {"registeredToolCount": 0, "guidanceInventory": [], "resumeBootstrap": False}
        result = {"executorId": params["clientId"], **connected} if method == "executor_connect" else {}
        if "id" in message and method is not None:
            socket.answer(message["id"], result)
        match method:
            case "executor_connect":
                self._executor = socket
                socket.notify("executor_connected", **result)
            case "executor_tools_register":
                self.tools = sorted({*self.tools, *(tool["name"] for tool in params["tools"])})
            case "executor_tools_bootstrap_complete":
                self._tell_observers()
                self._note("executor_status", status="running", executorId="local")
            case "client_resume":
                self._state("idle", [socket])
            case "client_set_thread_title":
                self.title = params["title"]
            case "client_append_user_msg":
                self.mode = params.get("agentMode") or self.mode
                self._nursery.start_soon(self._run_turn, params)
            case "executor_tool_result":
                self._results[params["toolCallId"]] = params["run"]
                self._result_came.set()
                self._result_came = trio.Event()
                socket.notify("executor_tool_result_ack", toolCallId=params["toolCallId"])
            case "client_cancel":
                self._cancel()
                self._note("cancelled", seq=self._next())
                self._state("idle")
            case _:
                pass

    def _cancel(self) -> None:
        if self._turn is not None:
            self._turn.cancel()

    async def _run_turn(self, params: dict[str, Any]) -> None:
        with trio.CancelScope() as self._turn:
            await trio.sleep(SETTLE)
            self._add("user", params["content"], messageId=params["messageId"], agentMode=self.mode)
            self._state("working")
            # Until it hears of these, the program holds back all that it has to say on stdout.
            self._note("inference_tools", messageId=self._id("M"), agentMode=self.mode, tools=self.tools)
            await self._converse(params["content"])

    async def _converse(self, content: list[dict[str, Any]]) -> None:
        prompt = "\n".join(block["text"] for block in content if block["type"] == "text")
        images = tuple(_image(block) for block in content if block["type"] == "image")
        step, results = 0, ()
        while True:
            outcome = answer(Conversation(prompt, step, results, images), AMP)
            if isinstance(outcome, Failure):
                self._note("error_set", seq=self._next(), error={"message": outcome.message, "code": outcome.kind})
                self._state("error")
                return
            if outcome.hang:
                await trio.sleep_forever()
            calls = self._speak(outcome)
            if not calls:
                self._state("idle")
                return
            for call_id, call, message_id in calls:
                run = await self._lease(call_id, call, message_id)
                self._add("user", [{"type": "tool_result", "toolUseID": call_id, "run": run}])
                results += (_heard(run),)
            step += 1

    def _speak(self, reply: Reply) -> list[tuple[str, ToolCall, str]]:
        calls = [(self._call_id(), block) for block in reply.blocks if isinstance(block, ToolCall)]
        ids = iter(calls)
        blocks: list[dict[str, Any]] = []
        for block in reply.blocks:
            match block:
                case Text(text=text):
                    blocks.append({"type": "text", "text": text})
                case Thinking(text=text):
                    blocks.append({"type": "thinking", "thinking": text, "signature": "c2ln"})
                case ToolCall(name=name, arguments=arguments):
                    call_id = next(ids)[0]
                    blocks.append(
                        {"type": "tool_use", "id": call_id, "name": name, "complete": True, "input": arguments}
                    )
        usage = {
            "model": "scripted", "maxInputTokens": 200_000, "inputTokens": reply.usage.input,
            "outputTokens": reply.usage.output, "cacheCreationInputTokens": reply.usage.cache_write,
            "cacheReadInputTokens": reply.usage.cache_read, "totalInputTokens": reply.usage.input,
        }  # fmt: skip
        message_id = self._id("M")
        self._state("streaming", messageId=message_id)
        self._add("assistant", blocks, messageId=message_id, state={"type": "complete"}, usage=usage)
        if calls:
            self._state("running_tools", messageId=message_id)
        return [(call_id, call, message_id) for call_id, call in calls]

    async def _lease(self, call_id: str, call: ToolCall, message_id: str) -> dict[str, Any]:
        assert self._executor is not None
        self._executor.notify(
            "tool_lease", toolCallId=call_id, toolName=call.name, args=call.arguments, messageId=message_id
        )
        while call_id not in self._results:
            await self._result_came.wait()
        return self._results.pop(call_id)

    def _add(self, role: str, content: list[dict[str, Any]], **more: Any) -> None:
        message = {"threadId": self.id, "role": role, "content": content, "messageId": self._id("M"), **more}
        self.messages.append(message)
        self._note("message_added", message=message, seq=self._next())

    def _state(self, state: str, sockets: list[AmpSocket] | None = None, **more: Any) -> None:
        for socket in self._sockets if sockets is None else sockets:
            socket.notify("agent_state", state=state, agentMode=self.mode, **more)

    def _tell_observers(self) -> None:
        kind = {"executorType": "local-client"} if self._executor else {}
        self._note("observers", count=len(self._sockets), observers=[], hasExecutor=self._executor is not None, **kind)

    def _note(self, method: str, **params: Any) -> None:
        for socket in self._sockets:
            socket.notify(method, **params)

    def _next(self) -> int:
        self._version += 1
        return self._version

    def _call_id(self) -> str:
        return f"TU-{0:022}" if self._names.alike else self._id("TU")

    def _id(self, prefix: str) -> str:
        """Numbered, not random; 22 digits because the program checks the form."""
        return f"{prefix}-{next(self._ids):022}"


def _image(block: dict[str, Any]) -> Image:
    return Image(block["source"].get("mediaType") or block["source"].get("media_type"), block["source"]["data"])


def _heard(run: dict[str, Any]) -> ToolResult:
    """What a tool's run tells the model."""
    result = run.get("result", run.get("error", run.get("reason")))
    if isinstance(result, dict):
        result = result.get("output", result.get("message", str(result)))
    return ToolResult(str(result), run.get("status") != "done")
