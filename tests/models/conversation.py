"""What any model protocol comes down to: a prompt and what its tools returned, and the reply to that."""

from typing import Any

from attrs import field, frozen


@frozen
class Image:
    """An image in the prompt, as the protocol carried it; ``data`` is base64."""

    mime: str
    data: str


@frozen
class ToolResult:
    text: str
    failed: bool = False
    images: tuple[Image, ...] = ()


@frozen
class Conversation:
    """``prompt`` is the last that a human said; ``step`` counts the model's answers since, ``results`` what their
    tools returned."""

    prompt: str
    step: int = 0
    results: tuple[ToolResult, ...] = ()
    images: tuple[Image, ...] = ()
    has_tools: bool = True


@frozen
class Text:
    text: str


@frozen
class Thinking:
    text: str


@frozen
class ToolCall:
    name: str
    arguments: dict[str, Any]


Block = Text | Thinking | ToolCall


@frozen
class Usage:
    """Tokens that every reply reports, so that tests know the sums."""

    input: int = 100
    output: int = 20
    cache_read: int = 20
    cache_write: int = 30


@frozen
class Reply:
    """``pace`` is the pause in seconds after each word; ``hang`` never finishes the last block."""

    blocks: tuple[Block, ...]
    pace: float = 0.0
    hang: bool = False
    usage: Usage = field(factory=Usage)


@frozen
class Failure:
    """An HTTP error of the model's API. ``kind`` is the protocol's name of it."""

    status: int
    kind: str
    message: str


def say(text: str) -> Reply:
    return Reply((Text(text),))


def call(name: str, **arguments: Any) -> Reply:
    return Reply((Text(f"Let me use {name}. "), ToolCall(name, arguments)))
