"""Bounds of a session's texts. The row of a session is written again whenever it changes, so it must stay small.

A text from a client is refused beyond its bound, which the OpenAPI document tells. A text from an agent is cut, with a
mark that says how much is missing, or not accepted. Characters are Unicode code points.
"""

from hashlib import sha256

MAX_NAME = 256
"""Characters of an agent, a mode, a model, a variant, a version, a MIME type, a file's name, or an id in a command."""

MAX_TITLE = 1024
"""Characters of a session's title."""

MAX_PATH = 4096
"""Characters of a path: Linux cannot open a longer one."""

MAX_CONFIG_BYTES = 64 << 10
"""Bytes of JSON of a session's MCP servers, and of its skills."""

MAX_NATIVE_ID = 512
"""Characters of an agent's own id of a conversation. A longer one is not accepted: a cut id could name another one."""

MAX_ITEM_ID = 256
"""Characters of an agent's own id of an item or a call, which is in every event of that item."""

MAX_REASON = 1024
"""Characters of the error for a line that was not understood: it quotes the line."""

MAX_END_MESSAGE = 4096
"""Characters of why a session ended, in its row. Its ``session.ended`` event has the whole text."""


MAX_ATTACHMENTS = 100
"""Most files of one prompt."""

MAX_ANSWERS = 100
"""Most questions that are answered together, and most labels of one answer."""

MAX_REPEATED = 200
"""Characters of a client's text that a refusal quotes. Refusals of commands with a key are kept."""


_ID_HEAD = 64


def bounded_id(native_id: str) -> str:
    """The id itself when it is not too long; otherwise its beginning and its digest, which still identify it. Ids of
    kilobytes are legitimate with some agents: they contain the signature of a thought."""
    if len(native_id) <= MAX_ITEM_ID:
        return native_id
    return f"{native_id[:_ID_HEAD]}…{sha256(native_id.encode(errors='surrogatepass')).hexdigest()}"


def shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters; when the text was cut, the last of them say how many are missing."""
    if len(text) <= limit:
        return text
    room = limit - len(f"… [{len(text)} more characters]")
    return f"{text[:room]}… [{len(text) - room} more characters]"
