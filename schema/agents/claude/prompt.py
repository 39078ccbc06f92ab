"""A prompt as claude takes it, and as the client sees it."""

from base64 import b64encode
from typing import Any

from ...items import ContentPart, FileRefPart, ImagePart, TextPart
from ..dialect import Prompt

IMAGES = ("image/png", "image/jpeg", "image/gif", "image/webp")
"""What the model's API takes as an image."""


def native(prompt: Prompt) -> list[dict[str, Any]]:
    """Images go inline; other files are named, for claude to read them itself."""
    named = [a.path for a in prompt.attachments if a.data is None or a.mime not in IMAGES]
    text = "\n".join([prompt.text, "", "Attachments:", *(f"- {path}" for path in named)]) if named else prompt.text
    images = [
        {"type": "image", "source": {"type": "base64", "media_type": a.mime, "data": b64encode(a.data).decode()}}
        for a in prompt.attachments
        if a.data is not None and a.mime in IMAGES
    ]
    return [*images, {"type": "text", "text": text}]


def shown(prompt: Prompt) -> tuple[ContentPart, ...]:
    files = (ImagePart(a.path, a.mime) if a.mime in IMAGES else FileRefPart(a.path, "read") for a in prompt.attachments)
    return (TextPart(prompt.text), *files)
