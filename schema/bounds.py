"""How long the texts of a session may be. What is kept of a session is written again whenever it changes.

What a client gives is refused beyond its bound, and the OpenAPI document tells it; what an agent gives is cut, with a
mark that says how much is missing, or not taken. Characters are Unicode code points.
"""

from hashlib import sha256

MAX_NAME = 256
"""Characters of an agent, a mode, a model, a variant, a version, a MIME type, a file's name, or an id in a command."""

MAX_TITLE = 1024
"""Characters of a session's title."""

MAX_PATH = 4096
"""Characters of a path: no longer one can be opened on Linux."""

MAX_CONFIG_BYTES = 64 << 10
"""Bytes of JSON of a session's MCP servers, and of its skills."""

MAX_NATIVE_ID = 512
"""Characters of an agent's own id of a conversation. A longer one is not taken: cut, it would name another."""

MAX_ITEM_ID = 256
"""Characters of an agent's own id of an item or a call. It stands in every event of it."""

MAX_REASON = 1024
"""Characters of why a line was not understood: it repeats what the agent said."""

MAX_END_MESSAGE = 4096
"""Characters of why a session ended, in what is kept of it. Its ``session.ended`` event tells all of it, once."""


MAX_ATTACHMENTS = 100
"""Files that go with one prompt."""

MAX_ANSWERS = 100
"""Questions that are answered at once, and labels of one answer."""

MAX_REPEATED = 200
"""Characters of what a client said that a refusal repeats. Refusals of commands that have a key are kept."""


_ID_HEAD = 64


def bounded_id(native_id: str) -> str:
    """An id that is not too long as it is, of another its beginning and its digest: so it still names one thing. Some
    agents' ids are kilobytes by rights, with the signature of a thought in them."""
    if len(native_id) <= MAX_ITEM_ID:
        return native_id
    return f"{native_id[:_ID_HEAD]}…{sha256(native_id.encode(errors='surrogatepass')).hexdigest()}"


def shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters, of which the last say how many more there were."""
    if len(text) <= limit:
        return text
    room = limit - len(f"… [{len(text)} more characters]")
    return f"{text[:room]}… [{len(text) - room} more characters]"
