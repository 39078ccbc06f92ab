"""What a daemon is started with, once every option has been read and checked."""

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from ...schema.settings import Settings
from ...transport.guard.cors import Cors
from ...transport.guard.host_names import AllowedHosts
from .server_token import ServerToken

if TYPE_CHECKING:
    from ...transport.listening.tls import Certificates


@frozen(kw_only=True)
class ServerOptions:
    host: str
    port: int
    token: ServerToken
    allowed_hosts: AllowedHosts
    cors: Cors
    settings: Settings
    certificates: "Certificates | None" = None
    log: Path | None = None
    """None for stderr."""
    secret_files: tuple[Path, ...] = ()
    """What no agent may read: the daemon has read them."""
    trace: bool = False
    """What agents say is logged."""
