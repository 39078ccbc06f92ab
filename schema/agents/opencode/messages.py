"""Messages and their parts to items, in the session and in the sessions of its sub-agents.

A message tells who speaks, its parts what is said. A sub-agent has a session of its own; the part of the task tool
that called it names that session, and what is said there hangs below that call.
"""

from collections.abc import Iterator

from attrs import define

from ...bounds import bounded_id
from ...items import ContentPart, ImagePart, ItemKind, ItemRole, JsonPart, ReasoningPart, TextPart
from ..effects import Effect, ItemCompleted, ItemDelta, ItemStarted, Unparsed
from ..json_lines import as_text, members
from ..remembered import Remembered
from .approvals import Approvals
from .status import SILENT_PARTS, error, status
from .tools import Tools
from .usage import Usage
from .wire import Delta, Message, Part

REMEMBERED_MESSAGES = 10_000
"""Messages of a turn, and texts in them."""


@define
class _Speech:
    """A text or reasoning part that is being spoken."""

    kind: ItemKind
    role: ItemRole
    parent: str | None
    started: bool = False


class Messages:
    """The messages of one turn: made anew for each."""

    def __init__(self, session_id: str, approvals: Approvals, callers: Remembered[str | None]) -> None:
        """``callers`` is the item that called each sub-agent, by the sub-agent's session; it outlives the turn."""
        self._session_id = session_id
        self._callers = callers
        self._messages = Remembered[Message](REMEMBERED_MESSAGES)
        self._speeches = Remembered[_Speech](REMEMBERED_MESSAGES)
        self._tools = Tools(approvals.calls)
        self.usage = Usage()
        self.last: Message | None = None
        """The session's own latest answer."""
        self.prompt_id: str | None = None
        """The message that our prompt became."""

    def __repr__(self) -> str:
        return f"<Messages {len(self._messages)} {self._tools!r} {self.usage!r}>"

    @property
    def complete(self) -> bool:
        """Whether no answer of the session itself is still being given."""
        return all(m.finished for m in self._messages.values() if m.role == "assistant" and self._is_own(m))

    def message(self, message: Message) -> None:
        self._messages.put(bounded_id(message.id), message, len(message.id))
        if not self._is_own(message):
            return
        if message.role == "assistant":
            self.last = message
        else:
            self.prompt_id = self.prompt_id or message.id

    def _is_own(self, message: Message) -> bool:
        return message.session_id == self._session_id

    def delta(self, delta: Delta, raw: bytes) -> Iterator[Effect]:
        speech = self._speeches.get(bounded_id(delta.part_id))
        if speech is None or delta.field != "text" or not delta.delta:
            return
        if not speech.started:
            speech.started = True
            yield ItemStarted(delta.part_id, speech.kind, speech.role, (), speech.parent, raw=raw)
        yield ItemDelta(delta.part_id, delta.delta, raw=raw)

    def part(self, part: Part, raw: bytes) -> Iterator[Effect]:
        message = self._messages.get(bounded_id(part.message_id))
        if message is None:
            return
        parent = self._callers.get(bounded_id(part.session_id))
        match part.type:
            case "compaction":
                yield status("compaction", "automatic" if part.auto else "asked for", part.id, parent, raw)
            case _ if message.role == "user":
                yield from self._given(part, message, parent, raw)
            case "text" | "reasoning":
                yield from self._spoken(part, message, parent, raw)
            case "tool":
                child = members(members(part.state).get("metadata")).get("sessionId")
                if isinstance(child, str) and child != self._session_id:
                    self._callers.put(bounded_id(child), bounded_id(part.id))
                yield from self._tools.updated(part, parent, raw)
            case "step-finish":
                self.usage.add(part, f"{message.provider}/{message.model}")
            case "file":
                yield self._file(part, parent, raw)
            case "retry":
                told = f"{error(part.error).message}: attempt {as_text(part.attempt)}"
                yield status("api_retry", told, part.id, parent, raw)
            case "subtask":
                yield status("subtask", as_text(part.description or ""), part.id, parent, raw)
            case kind if kind not in SILENT_PARTS:
                yield Unparsed(f"unknown part type {kind!r}", "opencode message.part.updated", raw)
            case _:
                pass

    def _given(self, part: Part, message: Message, parent: str | None, raw: bytes) -> Iterator[Effect]:
        """What the user says. The prompt itself has been told; a sub-agent's task has not."""
        if not self._is_own(message) and part.type == "text" and not part.synthetic:
            content = (TextPart(as_text(part.text)),)
            yield ItemCompleted(part.id, "message", "user", content, False, parent, raw=raw)

    def _spoken(self, part: Part, message: Message, parent: str | None, raw: bytes) -> Iterator[Effect]:
        if part.ignored:
            return
        part_id = bounded_id(part.id)
        speech = self._speeches.get(part_id)
        if speech is None:
            # A summary is opencode's note to itself, at a compaction.
            kind: tuple[ItemKind, ItemRole] = ("system", "system") if message.summary else ("message", "assistant")
            speech = _Speech(*kind, parent)
            self._speeches.put(part_id, speech)
        text = as_text(part.text)
        if part.finished and (text or speech.started):
            content: ContentPart = ReasoningPart(text, "public") if part.type == "reasoning" else TextPart(text)
            yield ItemCompleted(part.id, speech.kind, speech.role, (content,), False, parent, raw=raw)

    def _file(self, part: Part, parent: str | None, raw: bytes) -> Effect:
        url, mime = as_text(part.url), as_text(part.mime)
        content: ContentPart = (
            ImagePart(url, mime) if mime.startswith("image/") else JsonPart({"url": url, "mime": mime})
        )
        return ItemCompleted(part.id, "message", "assistant", (content,), False, parent, raw=raw)
