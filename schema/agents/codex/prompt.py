"""A prompt as codex takes it, and as the client sees it."""

from base64 import b64encode
from typing import Any

from ...items import ContentPart, FileRefPart, ImagePart, TextPart
from ..dialect import AgentSpec, Attachment, Prompt
from .launch import chosen_model
from .wire import request

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What the model's API takes as an image."""


def native_id(prompt: Prompt) -> str:
    """Codex says it back as ``clientId`` of the message that the prompt became."""
    return f"user_{prompt.number}"


def turn_request(spec: AgentSpec, request_id: str, thread: str, model: str | None, prompt: Prompt) -> dict[str, Any]:
    """``model`` is the thread's: the collaboration mode must name one. It also says the effort, and hides the
    turn's own."""
    params: dict[str, Any] = {"threadId": thread, "clientUserMessageId": native_id(prompt), "input": _input(prompt)}
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


def shown(prompt: Prompt) -> tuple[ContentPart, ...]:
    files = (ImagePart(a.path, a.mime) if a.mime in IMAGES else FileRefPart(a.path, "read") for a in prompt.attachments)
    return (TextPart(prompt.text), *files)


def _input(prompt: Prompt) -> list[dict[str, Any]]:
    """Images go inline, other files are named in the text: of a ``mention`` the model hears nothing."""
    named = [a.path for a in prompt.attachments if a.mime not in IMAGES]
    text = "\n".join([prompt.text, "", "Attachments:", *(f"- {path}" for path in named)]) if named else prompt.text
    images = [_image(a) for a in prompt.attachments if a.mime in IMAGES]
    return [{"type": "text", "text": text, "text_elements": []}, *images]


def _image(attachment: Attachment) -> dict[str, Any]:
    if attachment.data is None:
        return {"type": "localImage", "path": attachment.path}
    return {"type": "image", "url": f"data:{attachment.mime};base64,{b64encode(attachment.data).decode()}"}
