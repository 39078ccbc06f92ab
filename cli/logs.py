"""Logs, on stderr or in a file, one line each. Our own lines and those of the libraries go through one renderer."""

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Literal

import structlog

from ..schema.settings import Settings
from .failure import Failure

LogFormat = Literal["text", "json"]


def _without_locals() -> structlog.tracebacks.ExceptionDictTransformer:
    """structlog would write out every frame's variables: prompts, bodies and tokens among them."""
    return structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def _open(path: Path | None, settings: Settings) -> logging.Handler:
    if path is None:
        return logging.StreamHandler(sys.stderr)
    try:
        return RotatingFileHandler(path, maxBytes=settings.log_file_bytes, backupCount=settings.log_files_kept)
    except OSError as error:
        raise Failure(f"cannot write the log {path}: {error.strerror}") from error


def configure_logs(level: str, log_format: LogFormat, file: Path | None, settings: Settings) -> None:
    """Raises :class:`Failure` when the file cannot be written."""
    handler = _open(file, settings)
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[structlog.typing.Processor] = (
        [structlog.processors.ExceptionRenderer(_without_locals()), structlog.processors.JSONRenderer()]
        if log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(
                colors=file is None and sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    # A reader of our stderr that went away must not fill it with tracebacks about that.
    logging.raiseExceptions = False
    logging.basicConfig(level=number, handlers=[handler], force=True)
