"""A prompt of a human, as agents take it and as clients see it: what is the same for several agents."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

from ..items import ContentPart, FileRefPart, ImagePart, TextPart
from .definition import IMAGES
from .dialect import Attachment, Prompt
from .effects import Effect, ItemCompleted, ItemStarted, TurnStarted


def user_id(prompt: Prompt) -> str:
    """The native id of the item that tells the prompt."""
    return f"user_{prompt.number}"


def opened(prompt: Prompt) -> tuple[Effect, ...]:
    """The beginning of every turn that a prompt makes: the turn, and the human's message in it."""
    parts = shown(prompt)
    return (
        TurnStarted(),
        ItemStarted(user_id(prompt), "message", "user", parts, synthetic=True),
        ItemCompleted(user_id(prompt), "message", "user", parts, synthetic=True),
    )


def shown(prompt: Prompt) -> tuple[ContentPart, ...]:
    files = (ImagePart(a.path, a.mime) if a.mime in IMAGES else FileRefPart(a.path, "read") for a in prompt.attachments)
    return (TextPart(prompt.text), *files)


def is_inline_image(attachment: Attachment) -> bool:
    return attachment.data is not None and attachment.mime in IMAGES


def naming(text: str, paths: Sequence[str]) -> str:
    """The text, and below it the files that the agent has to read itself."""
    return "\n".join([text, "", "Attachments:", *(f"- {path}" for path in paths)]) if paths else text


def in_base64(attachment: Attachment) -> str:
    return b64encode(attachment.data or b"").decode()


def data_url(attachment: Attachment) -> str:
    return f"data:{attachment.mime};base64,{in_base64(attachment)}"


def content_blocks(prompt: Prompt) -> list[dict[str, Any]]:
    """As Anthropic's API has it: images go inline, other files are named, for the agent to read them itself."""
    named = [a.path for a in prompt.attachments if not is_inline_image(a)]
    images = [
        {"type": "image", "source": {"type": "base64", "media_type": a.mime, "data": in_base64(a)}}
        for a in prompt.attachments
        if is_inline_image(a)
    ]
    return [*images, {"type": "text", "text": naming(prompt.text, named)}]
