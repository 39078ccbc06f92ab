"""A prompt as opencode takes it, and as the client sees it."""

from base64 import b64encode
from typing import Any
from urllib.parse import quote

from ...items import ContentPart, FileRefPart, ImagePart, TextPart
from ..dialect import Attachment, Prompt

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What goes to the model as an image."""


def native(prompt: Prompt) -> list[dict[str, Any]]:
    """Images go inline, and opencode reads text files itself; it fails on any other file, so those are named."""
    named = [a.path for a in prompt.attachments if not _is_image(a) and not _is_text(a)]
    text = "\n".join([prompt.text, "", "Attachments:", *(f"- {path}" for path in named)]) if named else prompt.text
    return [{"type": "text", "text": text}, *(_file(a) for a in prompt.attachments if _is_image(a) or _is_text(a))]


def shown(prompt: Prompt) -> tuple[ContentPart, ...]:
    files = (ImagePart(a.path, a.mime) if a.mime in IMAGES else FileRefPart(a.path, "read") for a in prompt.attachments)
    return (TextPart(prompt.text), *files)


def _is_image(attachment: Attachment) -> bool:
    return attachment.data is not None and attachment.mime in IMAGES


def _is_text(attachment: Attachment) -> bool:
    return (attachment.mime or "").startswith("text/")


def _file(attachment: Attachment) -> dict[str, Any]:
    name = attachment.filename or attachment.path.rpartition("/")[2]
    if _is_image(attachment):
        url = f"data:{attachment.mime};base64,{b64encode(attachment.data or b'').decode()}"
        return {"type": "file", "mime": attachment.mime, "filename": name, "url": url}
    # Only text/plain makes opencode read a file into the prompt.
    return {"type": "file", "mime": "text/plain", "filename": name, "url": f"file://{quote(attachment.path)}"}
