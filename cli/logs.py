"""Logs on stderr, one line each. Our own lines and those of the libraries below go through the same renderer."""

import logging
import sys
from typing import Literal

import structlog

LogFormat = Literal["text", "json"]


def _without_locals() -> structlog.tracebacks.ExceptionDictTransformer:
    """structlog would write out every frame's variables: prompts, bodies and tokens among them."""
    return structlog.tracebacks.ExceptionDictTransformer(show_locals=False)


def configure_logs(level: str, log_format: LogFormat) -> None:
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
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    # A reader of our stderr that went away must not fill it with tracebacks about that.
    logging.raiseExceptions = False
    logging.basicConfig(level=number, handlers=[handler], force=True)
