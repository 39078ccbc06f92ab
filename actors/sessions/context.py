"""The context of all sessions: what each of them needs of the daemon, in one value that is made once."""

from collections.abc import Callable, Mapping

from attrs import field, frozen

from ...schema.codec import Codec
from ...schema.redaction.redactor import Redactor
from ...schema.redaction.values import Secret
from ...schema.settings import Settings
from ..access.token_keeper import TokenKeeper
from ..agents.catalog import Catalog
from ..agents.credentials import Credentials
from ..agents.mock_conversations import Conversations
from ..counters import Counters
from ..files.reader import ForeignFiles
from ..isolation.cells import Cells
from ..journal.interface import Journal
from ..kernel.clock import Clock
from ..kernel.failpoints import Failpoints
from ..kernel.mailbox import Mailbox
from ..processes.confinement import Confinement
from ..processes.table import ProcessTable
from .first_start import ProvenStarts


@frozen
class SessionContext:
    """``environment`` is the daemon's, without our own token; ``credentials`` says what of it an agent gets. ``files``
    reads files that the daemon did not write. ``unique`` returns a new unique id. ``secrets`` are the daemon's own,
    which are masked in every session; ``redactor`` masks these and nothing else. ``trace``: lines of agents, and the
    effects of their dialects, are logged."""

    settings: Settings
    codec: Codec
    clock: Clock
    journal: Journal
    catalog: Catalog
    credentials: Credentials
    files: ForeignFiles
    table: ProcessTable
    confinement: Confinement
    cells: Cells
    failpoints: Failpoints
    environment: Mapping[str, str]
    broker: Mailbox
    registry: Mailbox
    tokens: TokenKeeper
    counters: Counters
    unique: Callable[[], str]
    secrets: tuple[Secret, ...] = field(default=(), repr=False)
    redactor: Redactor = field(factory=Redactor)
    trace: bool = False
    proven_starts: ProvenStarts = field(factory=ProvenStarts)
    conversations: Conversations = field(init=False)

    @conversations.default  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUntypedFunctionDecorator]
    def _make_conversations(self) -> Conversations:
        return Conversations(self.settings, self.environment, self.table.reserve, self.table.user)
