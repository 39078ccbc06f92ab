from .commands import commands

__all__ = ["commands"]
