"""Items of codex's threads to ours.

The main thread speaks to the client. A sub-agent is a thread of its own; its items hang below the call that made it.
"""

from collections.abc import Iterator
from typing import Any

from attrs import define, field

from ..bounds import bounded_id
from ..items import ContentPart, JsonPart, ReasoningPart, StatusPart, TextPart, ToolResultPart
from .codex_tools import TOOLS, Item, call_part, failed, result_parts
from .codex_wire import DeltaParams
from .effects import Effect, ItemCompleted, ItemDelta, ItemStarted
from .native import MOST_PARTS, as_text, elements, members
from .remembered import Remembered

KEPT_OUTPUT_CHARS = 1 << 18
"""How much of a tool's output is kept for the day that its turn ends before the tool does."""


@define
class _Output:
    text: list[str] = field(factory=list[str])
    chars: int = 0

    def add(self, delta: str) -> int:
        """How much more is kept."""
        if self.chars >= KEPT_OUTPUT_CHARS:
            return 0
        self.text.append(delta)
        self.chars += len(delta)
        return len(delta)


class Items:
    """``_running`` holds what the tools under way have printed, ``_changes`` what the patches among them do,
    ``_parents`` the calls that made the sub-agents' threads."""

    def __init__(self) -> None:
        self._running = Remembered[_Output]()
        self._changes = Remembered[Any]()
        self._parents = Remembered[str]()

    def __repr__(self) -> str:
        return f"<Items running={len(self._running)} sub_agents={len(self._parents)}>"

    def changes(self, item_id: str) -> Any:
        """What a file change does: the request to approve it does not say."""
        return self._changes.get(bounded_id(item_id))

    def parent(self, thread: str) -> str | None:
        return self._parents.get(bounded_id(thread))

    def turn_ended(self, *, failed: bool) -> Iterator[Effect]:
        """Close what still runs: an interrupted tool may never be completed, and a command in the background outlives
        its turn."""
        running = self._running.items()
        self._running.clear()
        self._changes.clear()
        for native_id, output in running:
            result = ToolResultPart(native_id, "".join(output.text))
            yield ItemCompleted(
                _result_id(native_id), "tool_result", "tool", (result,), failed, native_id, synthetic=True
            )

    def started(self, item: Item, thread: str, raw: bytes) -> Iterator[Effect]:
        native_id, parent = item["id"], self.parent(thread)
        match item["type"]:
            case "agentMessage" | "plan":
                yield ItemStarted(native_id, "message", "assistant", (), parent, raw=raw)
            case "contextCompaction":
                yield ItemStarted(native_id, "status", "system", (), parent, raw=raw)
            case kind if kind in TOOLS:
                self._learn(item, raw)
                tool, call = TOOLS[kind], call_part(TOOLS[kind], item)
                yield ItemStarted(native_id, "tool_call", "assistant", (call,), parent, raw=raw)
                if tool.known_at_start:
                    self._running.put(bounded_id(native_id), _Output())
                    yield ItemCompleted(native_id, "tool_call", "assistant", (call,), False, parent, raw=raw)
                    yield ItemStarted(_result_id(native_id), "tool_result", "tool", (), native_id, raw=raw)
            case _:
                pass  # told when it is complete; reasoning when it has its first words: most has none

    def completed(self, item: Item, thread: str, raw: bytes) -> Iterator[Effect]:
        native_id, parent = item["id"], self.parent(thread)
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
                yield from self._tool_completed(item, parent, raw)
            case kind:
                status = _status(kind, item)
                if status is not None:
                    yield ItemCompleted(native_id, "status", "system", (status,), False, parent, raw=raw)
                else:
                    yield ItemCompleted(native_id, "unknown", None, (JsonPart(dict(item)),), False, parent, raw=raw)

    def thought(self, delta: DeltaParams, raw: bytes) -> Iterator[Effect]:
        """Of a summary, or of the model's own words."""
        yield ItemStarted(delta.item_id, "message", "assistant", raw=raw)
        yield ItemDelta(delta.item_id, delta.delta, raw=raw)

    def grew(self, facts: dict[str, Any], raw: bytes) -> Iterator[Effect]:
        """A patch under way holds more changes now, or a summary has a part more; parts stand on lines of their own."""
        match facts:
            case {"itemId": str(item_id), "changes": changes} if bounded_id(item_id) in self._changes:
                self._changes.put(bounded_id(item_id), changes, len(raw))
            case {"itemId": str(item_id), "summaryIndex": int(index)} if index > 0:
                yield ItemDelta(item_id, "\n", raw=raw)
            case _:
                pass

    def printed(self, delta: DeltaParams, raw: bytes) -> Iterator[Effect]:
        """Also after the end of its turn, when nobody listens any more."""
        native_id = bounded_id(delta.item_id)
        if (output := self._running.get(native_id)) is not None:
            self._running.grew(native_id, output.add(delta.delta))
            yield ItemDelta(_result_id(delta.item_id), delta.delta, raw=raw)

    def _learn(self, item: Item, raw: bytes) -> None:
        match item:
            case {"type": "fileChange", "changes": changes}:
                self._changes.put(bounded_id(item["id"]), changes, len(raw))
            case {"type": "collabAgentToolCall", "tool": "spawnAgent"}:
                for thread in elements(item.get("receiverThreadIds"))[:MOST_PARTS]:
                    if (child := bounded_id(as_text(thread))) not in self._parents:
                        self._parents.put(child, bounded_id(item["id"]))
            case _:
                pass

    def _tool_completed(self, item: Item, parent: str | None, raw: bytes) -> Iterator[Effect]:
        self._learn(item, raw)
        native_id, tool = item["id"], TOOLS[item["type"]]
        self._running.pop(bounded_id(native_id))
        self._changes.pop(bounded_id(native_id))
        # Dropped by the ledger where the call was closed when it started.
        yield ItemCompleted(native_id, "tool_call", "assistant", (call_part(tool, item),), False, parent, raw=raw)
        content = result_parts(tool, item)
        yield ItemCompleted(_result_id(native_id), "tool_result", "tool", content, failed(item), native_id, raw=raw)


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
