"""Items of codex's threads to ours.

The main thread speaks to the client. A sub-agent is a thread of its own; its items hang below the call that made it.
"""

from collections.abc import Iterator
from typing import Any

from ..bounds import bounded_id
from ..items import ContentPart, JsonPart, ReasoningPart, StatusPart, TextPart, ToolResultPart
from .codex_begun import Begun, BegunItems, Output
from .codex_tools import TOOLS, Item, call_part, failed, result_parts
from .codex_wire import DeltaParams, ItemParams
from .effects import Effect, ItemCompleted, ItemDelta, ItemStarted
from .names import Names
from .native import MOST_PARTS, as_text, elements, members
from .remembered import Remembered


class Items:
    """``_parents`` are the calls that made the sub-agents' threads."""

    def __init__(self, names: Names) -> None:
        self.begun = BegunItems(names)
        self._parents = Remembered[str]()

    def __repr__(self) -> str:
        return f"<Items {self.begun!r} sub_agents={len(self._parents)}>"

    def parent(self, thread: str) -> str | None:
        return self._parents.get(bounded_id(thread))

    def turn_ended(self, *, failed: bool) -> Iterator[Effect]:
        """Close what still runs: an interrupted tool may never be completed, and a command in the background outlives
        its turn."""
        for begun in self.begun.stop():
            if begun.output is not None:
                result = ToolResultPart(begun.name, "".join(begun.output.text))
                yield ItemCompleted(
                    _result_id(begun.name), "tool_result", "tool", (result,), failed, begun.name, synthetic=True
                )

    def started(self, params: ItemParams, raw: bytes) -> Iterator[Effect]:
        item, parent = params.item, self.parent(params.thread_id)
        begun = self.begun.begin(item, params.thread_id, params.turn_id, len(raw))
        name = begun.name
        match item["type"]:
            case "agentMessage" | "plan":
                yield ItemStarted(name, "message", "assistant", (), parent, raw=raw)
            case "contextCompaction":
                yield ItemStarted(name, "status", "system", (), parent, raw=raw)
            case kind if kind in TOOLS:
                self._learn(begun, item)
                tool, call = TOOLS[kind], call_part(TOOLS[kind], item, name)
                yield ItemStarted(name, "tool_call", "assistant", (call,), parent, raw=raw)
                if tool.known_at_start:
                    begun.output = begun.output or Output()
                    yield ItemCompleted(name, "tool_call", "assistant", (call,), False, parent, raw=raw)
                    yield ItemStarted(_result_id(name), "tool_result", "tool", (), name, raw=raw)
            case _:
                pass  # told when it is complete; reasoning when it has its first words: most has none

    def completed(self, params: ItemParams, raw: bytes) -> Iterator[Effect]:
        item, parent = params.item, self.parent(params.thread_id)
        begun = self.begun.end(item, params.thread_id, params.turn_id)
        native_id = begun.name
        match item["type"]:
            case "agentMessage" | "plan":
                parts: tuple[ContentPart, ...] = (TextPart(as_text(item.get("text"))),)
                yield ItemCompleted(native_id, "message", "assistant", parts, False, parent, raw=raw)
            case "reasoning":
                if parts := _thoughts(item):
                    yield ItemCompleted(native_id, "message", "assistant", parts, False, parent, raw=raw)
            case "userMessage":
                parts = (TextPart(_user_text(item)),)
                yield ItemCompleted(native_id, "message", "user", parts, False, parent, raw=raw)
            case "hookPrompt":
                said = [as_text(members(part).get("text")) for part in elements(item.get("fragments"))]
                yield ItemCompleted(native_id, "system", "system", (TextPart("\n".join(said)),), False, parent, raw=raw)
            case "functionCallOutput":
                result = ToolResultPart(native_id, as_text(item.get("output")))
                yield ItemCompleted(native_id, "tool_result", "tool", (result,), False, parent, raw=raw)
            case kind if kind in TOOLS:
                yield from self._tool_completed(begun, item, parent, raw)
            case kind:
                status = _status(kind, item)
                if status is not None:
                    yield ItemCompleted(native_id, "status", "system", (status,), False, parent, raw=raw)
                else:
                    yield ItemCompleted(native_id, "unknown", None, (JsonPart(dict(item)),), False, parent, raw=raw)

    def said(self, delta: DeltaParams, raw: bytes) -> Iterator[Effect]:
        yield ItemDelta(self._named(delta, "agentMessage"), delta.delta, raw=raw)

    def thought(self, delta: DeltaParams, raw: bytes) -> Iterator[Effect]:
        """Of a summary, or of the model's own words."""
        name = self._named(delta, "reasoning")
        yield ItemStarted(name, "message", "assistant", raw=raw)
        yield ItemDelta(name, delta.delta, raw=raw)

    def _named(self, delta: DeltaParams, kind: str) -> str:
        return self.begun.named(delta.item_id, delta.thread_id, delta.turn_id, kind)

    def grew(self, facts: dict[str, Any], raw: bytes) -> Iterator[Effect]:
        """A patch under way holds more changes now, or a summary has a part more; parts stand on lines of their own."""
        match facts:
            case {"itemId": str(), "changes": changes}:
                for begun in self.begun.meant(facts, "fileChange")[-1:]:
                    begun.changes = changes
                    self.begun.grew(begun, len(raw))
            case {"itemId": str(item_id), "summaryIndex": int(index)} if index > 0:
                thread, turn = as_text(facts.get("threadId")), as_text(facts.get("turnId"))
                yield ItemDelta(self.begun.named(item_id, thread, turn, "reasoning"), "\n", raw=raw)
            case _:
                pass

    def printed(self, delta: DeltaParams, raw: bytes) -> Iterator[Effect]:
        """Also after the end of its turn, when nobody listens any more. Of two commands with one id it is not told
        which has printed it: their results have it."""
        begun = [begun for begun in self.begun.under_way(delta.item_id, delta.thread_id) if begun.output is not None]
        if len(begun) == 1 and (output := begun[0].output) is not None:
            self.begun.grew(begun[0], output.add(delta.delta))
            yield ItemDelta(_result_id(begun[0].name), delta.delta, raw=raw)

    def _learn(self, begun: Begun, item: Item) -> None:
        match item:
            case {"type": "fileChange", "changes": changes}:
                begun.changes = changes
            case {"type": "collabAgentToolCall", "tool": "spawnAgent"}:
                for thread in elements(item.get("receiverThreadIds"))[:MOST_PARTS]:
                    if (child := bounded_id(as_text(thread))) not in self._parents:
                        self._parents.put(child, begun.name)
            case _:
                pass

    def _tool_completed(self, begun: Begun, item: Item, parent: str | None, raw: bytes) -> Iterator[Effect]:
        self._learn(begun, item)
        name, tool = begun.name, TOOLS[item["type"]]
        # Dropped by the ledger where the call was closed when it started.
        yield ItemCompleted(name, "tool_call", "assistant", (call_part(tool, item, name),), False, parent, raw=raw)
        content = result_parts(tool, item, name)
        yield ItemCompleted(_result_id(name), "tool_result", "tool", content, failed(item), name, raw=raw)


def _result_id(item_id: str) -> str:
    return f"{item_id}#result"


def _thoughts(item: Item) -> tuple[ContentPart, ...]:
    """What codex sums up is for the client; the model's own words, where it tells them, are private."""
    summary = [ReasoningPart(as_text(said), "public") for said in elements(item.get("summary"))]
    content = [ReasoningPart(as_text(said), "private") for said in elements(item.get("content"))]
    return (*summary, *content)


def _user_text(item: Item) -> str:
    return "\n".join(as_text(text) for part in elements(item.get("content")) if (text := members(part).get("text")))


def _status(kind: str, item: Item) -> StatusPart | None:
    match kind:
        case "contextCompaction":
            return StatusPart("thread.compacted")
        case "enteredReviewMode":
            return StatusPart("review.entered", as_text(item.get("review")))
        case "exitedReviewMode":
            return StatusPart("review.exited", as_text(item.get("review")))
        case "subAgentActivity":
            return StatusPart(f"sub_agent.{item.get('kind')}", as_text(item.get("agentPath")))
        case "sleep":
            return StatusPart("sleep", f"{item.get('durationMs')} ms")
        case _:
            return None
