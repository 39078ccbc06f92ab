"""Items of codex's threads to ours.

The main thread speaks to the client. A sub-agent is a thread of its own; its items hang below the call that made it.
"""

from collections.abc import Callable, Iterator
from typing import Any

from ...background import MAX_DESCRIPTION
from ...bounds import bounded_id, shortened
from ...items import ContentPart, JsonPart, ReasoningPart, StatusPart, TextPart, ToolResultPart
from ..effects import Effect, ItemCompleted, ItemDelta, ItemStarted
from ..json_lines import MOST_PARTS, as_text, elements, members
from ..names import Names
from ..remembered import Remembered
from .open_items import Begun, BegunItems, Output
from .tools import TOOLS, Item, call_part, failed, result_parts
from .wire import DeltaParams, ItemParams


class Items:
    """``_parents`` are the calls that made the sub-agents' threads, and what these were told to do."""

    def __init__(self, names: Names) -> None:
        self.begun = BegunItems(names)
        self._parents = Remembered[tuple[str, str]]()

    def __repr__(self) -> str:
        return f"<Items {self.begun!r} sub_agents={len(self._parents)}>"

    def parent(self, thread: str) -> str | None:
        call = self._parents.get(bounded_id(thread))
        return call[0] if call is not None else None

    def prompt(self, thread: str) -> str:
        """What a sub-agent was told to do, shortly."""
        call = self._parents.get(bounded_id(thread))
        return call[1] if call is not None else ""

    def turn_ended(self, *, failed: bool, goes_on: Callable[[Begun], bool]) -> Iterator[Effect]:
        """Close what still runs: an interrupted tool may never be completed. What goes on is told as far as it is, and
        the rest in the turn in which it comes."""
        for begun in self.begun.stop(goes_on):
            if begun.output is not None:
                yield _so_far(begun, failed=failed)
        for begun in self.begun.all():
            if not begun.cut:
                if begun.output is not None:
                    yield _so_far(begun, JsonPart({"exit_code": None, "status": "inProgress", "duration_ms": None}))
                begun.part += 1
                begun.cut = True

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
                    yield ItemStarted(begun.result, "tool_result", "tool", (), name, raw=raw)
            case _:
                pass  # told when it is complete; reasoning when it has its first words: most has none

    def completed(self, params: ItemParams, raw: bytes) -> Iterator[Effect]:
        item, parent = params.item, self.parent(params.thread_id)
        begun = self.begun.end(item, params.thread_id, params.turn_id)
        if begun.again:
            return
        native_id = begun.shown
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
        if (begun := self._meant(delta, "agentMessage")) is not None:
            if begun.cut:
                begun.cut = False
                yield ItemStarted(begun.shown, "message", "assistant", (), self.parent(delta.thread_id), synthetic=True)
            yield ItemDelta(begun.shown, delta.delta, raw=raw)

    def thought(self, delta: DeltaParams, raw: bytes) -> Iterator[Effect]:
        """Of a summary, or of the model's own words."""
        if (begun := self._meant(delta, "reasoning")) is not None:
            begun.cut = False
            yield ItemStarted(begun.shown, "message", "assistant", (), self.parent(delta.thread_id), raw=raw)
            yield ItemDelta(begun.shown, delta.delta, raw=raw)

    def _meant(self, delta: DeltaParams, kind: str) -> Begun | None:
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
                begun = self.begun.named(item_id, thread, turn, "reasoning")
                if begun is not None and not begun.cut:
                    yield ItemDelta(begun.shown, "\n", raw=raw)
            case _:
                pass

    def printed(self, delta: DeltaParams, raw: bytes) -> Iterator[Effect]:
        """Of two commands with one id it is not told which has printed it: their results have it."""
        begun = [begun for begun in self.begun.under_way(delta.item_id, delta.thread_id) if begun.output is not None]
        if len(begun) == 1 and (output := begun[0].output) is not None:
            if begun[0].cut:
                begun[0].cut = False
                before = ToolResultPart(begun[0].name, "".join(output.text))
                yield ItemStarted(begun[0].result, "tool_result", "tool", (before,), begun[0].name, synthetic=True)
            self.begun.grew(begun[0], output.add(delta.delta))
            yield ItemDelta(begun[0].result, delta.delta, raw=raw)

    def _learn(self, begun: Begun, item: Item) -> None:
        match item:
            case {"type": "fileChange", "changes": changes}:
                begun.changes = changes
            case {"type": "collabAgentToolCall", "tool": "spawnAgent"}:
                for thread in elements(item.get("receiverThreadIds"))[:MOST_PARTS]:
                    if (child := bounded_id(as_text(thread))) not in self._parents:
                        prompt = shortened(as_text(item.get("prompt") or ""), MAX_DESCRIPTION)
                        self._parents.put(child, (begun.name, prompt), len(prompt))
            case _:
                pass

    def _tool_completed(self, begun: Begun, item: Item, parent: str | None, raw: bytes) -> Iterator[Effect]:
        self._learn(begun, item)
        tool = TOOLS[item["type"]]
        name = begun.name if tool.known_at_start else begun.shown
        # Dropped by the ledger where the call was closed when it started.
        yield ItemCompleted(name, "tool_call", "assistant", (call_part(tool, item, name),), False, parent, raw=raw)
        content = result_parts(tool, item, name)
        yield ItemCompleted(begun.result, "tool_result", "tool", content, failed(item), name, raw=raw)


def _so_far(begun: Begun, *more: ContentPart, failed: bool = False) -> ItemCompleted:
    """What a tool has printed by now."""
    printed = "".join(begun.output.text) if begun.output is not None else ""
    content = (ToolResultPart(begun.name, printed), *more)
    return ItemCompleted(begun.result, "tool_result", "tool", content, failed, begun.name, synthetic=True)


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
