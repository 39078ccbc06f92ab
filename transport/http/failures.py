"""Logging of internal errors. Tracebacks are logged as plain text: some renderers print local variables, which may
contain a token or a prompt."""

import traceback

import structlog

_log = structlog.get_logger("sandbox_agent.transport")


def log_failure(event: str, error: BaseException, **context: str) -> None:
    _log.error(event, error=repr(error), traceback="".join(traceback.format_exception(error)), **context)
