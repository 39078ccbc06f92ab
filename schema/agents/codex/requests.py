"""What we ask of codex, in order. The id of a request is a word that says what its answer is about, and a number."""

from typing import Any

from ..definition import IMAGES
from ..dialect import AgentSpec, Attachment, Prompt
from ..effects import Write
from ..json_lines import line
from ..prompts import data_url, naming, user_id
from . import launch as codex_launch
from .launch import chosen_model
from .wire import request


class Requests:
    def __init__(self, spec: AgentSpec) -> None:
        self._spec = spec
        self._count = 0

    def __repr__(self) -> str:
        return f"<Requests count={self._count}>"

    def initialize(self) -> Write:
        return _write(codex_launch.initialize())

    def open_thread(self, resume: str | None) -> Write:
        return _write(codex_launch.thread_request(self._spec, self._id("thread"), resume))

    def start_turn(self, thread: str, model: str | None, prompt: Prompt) -> Write:
        return _write(turn_request(self._spec, self._id("turn"), thread, model, prompt))

    def compact(self, thread: str) -> Write:
        return _write(request(self._id("compact"), "thread/compact/start", threadId=thread))

    def interrupt(self, thread: str, turn: str, *, sub_agent: bool = False) -> Write:
        """A sub-agent's turn may have ended by itself: nobody reads that answer."""
        request_id = self._id("stop" if sub_agent else "interrupt")
        return _write(request(request_id, "turn/interrupt", threadId=thread, turnId=turn))

    def clean(self, thread: str, *, sub_agent: bool = False) -> Write:
        """End the commands that an interrupted turn leaves running, as "background terminals"."""
        request_id = self._id("stop" if sub_agent else "clean")
        return _write(request(request_id, "thread/backgroundTerminals/clean", threadId=thread))

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}_{self._count}"


def _write(message: dict[str, Any]) -> Write:
    return Write(line(message))


def turn_request(spec: AgentSpec, request_id: str, thread: str, model: str | None, prompt: Prompt) -> dict[str, Any]:
    """``model`` is the thread's: the collaboration mode must name one. It also says the effort, and hides the
    turn's own. Codex says the prompt's id back as ``clientId`` of the message that it became."""
    params: dict[str, Any] = {"threadId": thread, "clientUserMessageId": user_id(prompt), "input": _input(prompt)}
    if spec.variant:
        params["effort"] = spec.variant
    if spec.agent_mode == "plan":
        settings = {
            "model": chosen_model(spec) or model or "",
            "reasoning_effort": spec.variant,
            "developer_instructions": None,
        }
        params["collaborationMode"] = {"mode": "plan", "settings": settings}
    return request(request_id, "turn/start", **params)


def is_compaction(prompt: Prompt) -> bool:
    """Codex's terminal program has a command for it; its server takes a request."""
    return prompt.text.strip() == "/compact" and not prompt.attachments


def _input(prompt: Prompt) -> list[dict[str, Any]]:
    """Images go inline, other files are named in the text: of a ``mention`` the model hears nothing."""
    text = naming(prompt.text, [a.path for a in prompt.attachments if a.mime not in IMAGES])
    images = [_image(a) for a in prompt.attachments if a.mime in IMAGES]
    return [{"type": "text", "text": text, "text_elements": []}, *images]


def _image(attachment: Attachment) -> dict[str, Any]:
    if attachment.data is None:
        return {"type": "localImage", "path": attachment.path}
    return {"type": "image", "url": data_url(attachment)}
