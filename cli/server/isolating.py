"""The search for the isolation of agents, as the command needs it: what cannot be had is a failure of it."""

import os

from ...actors.files.home import settled
from ...actors.isolation.isolation import NotIsolated
from ...actors.isolation.search import Search
from ..failure import Failure
from .server_options import ServerOptions


def begin_search(options: ServerOptions) -> Search:
    try:
        return Search.begin(options.settings, settled(os.environ), options.secret_files)
    except NotIsolated as error:
        raise Failure(str(error)) from error
