"""The files that go with a prompt: which are read and sent inline, and how much they may have.

Some agents say a prompt again, with all that it has inline, in one line of theirs. A line that is too long is not read,
so what is sent inline must fit it: in base64, which has four bytes for three, beside the text.
"""

import json
import mimetypes

from ...schema.agents.definition import AgentDefinition
from ...schema.agents.dialect import Attachment
from ...schema.api.commands import MessageCommand
from ...schema.settings import Settings
from ..files.client_path import Room, attached_file
from ..files.reader import ForeignFiles

_AROUND = 64 << 10
"""Bytes of a line that are neither the text nor what is inline: ids, paths, names."""


async def attached(
    command: MessageCommand, definition: AgentDefinition, directory: str, settings: Settings, files: ForeignFiles
) -> tuple[Attachment, ...]:
    """In their order. Raises the ``invalid_request`` problem for one that cannot be used or is too large."""
    line = inline_room(command.message, settings) if definition.echoes else None
    room = Room(settings.max_attachment_bytes, settings.max_attachments_bytes, line, definition.by_path)
    found: list[Attachment] = []
    for attachment in command.attachments:
        mime = attachment.mime or mimetypes.guess_type(attachment.path)[0]
        inline = mime in definition.inline_mimes
        file = await attached_file(attachment.path, directory, room if inline else None, files)
        room = room.less(len(file.content or b""))
        found.append(Attachment(file.path, mime, attachment.filename, file.content))
    return tuple(found)


def inline_room(text: str, settings: Settings) -> int:
    """Bytes of files that an agent can repeat in one line beside this text; may be negative."""
    said = json.dumps(text, ensure_ascii=False).encode(errors="surrogatepass")
    return (settings.max_line_bytes - _AROUND - len(said)) // 4 * 3
