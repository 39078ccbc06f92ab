from .api.runner import api, session
from .commands import commands

__all__ = ["api", "commands", "session"]
