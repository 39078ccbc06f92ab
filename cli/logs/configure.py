"""How a daemon logs: on stderr or in a file, one line each. Our own lines and those of the libraries go through one
renderer, and nothing that is printed is waited for."""

import atexit
import logging
import os
import sys
from pathlib import Path
from typing import Any, Literal

import structlog
from attrs import frozen

from ...schema.redaction.redactor import Redactor
from ...schema.settings import Settings
from ..failure import Failure
from .bounds import bounded
from .outputs import Descriptor, LogFile
from .stream import log_stream
from .writer import LogWriter

LogFormat = Literal["text", "json"]

_TIMES = structlog.processors.TimeStamper(fmt="iso", utc=True)


class LogHandler(logging.Handler):
    """Renders where a line is logged, and writes elsewhere."""

    def __init__(self, writer: LogWriter) -> None:
        super().__init__()
        self._writer = writer
        self.redactor = Redactor()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - a line that cannot be rendered must not fail whoever logs it
            self.handleError(record)
        else:
            data = encoded(line)
            self._writer.put(encoded(self.redactor.text(line)) if self.redactor.suspects(data) else data)


@frozen
class Logs:
    """``writers`` are those of the log and of stderr; one when they are the same."""

    writers: tuple[LogWriter, ...]
    drain_timeout: float
    handler: LogHandler

    @property
    def dropped(self) -> int:
        return sum(writer.dropped for writer in self.writers)

    def mask(self, redactor: Redactor) -> None:
        """From here on lines tell none of its secrets; before they tell none that is known by its look."""
        self.handler.redactor = redactor

    def close(self) -> None:
        """Last words get their time, also those of a daemon whose log nobody reads."""
        for writer in self.writers:
            writer.close(self.drain_timeout / len(self.writers))


def encoded(line: str) -> bytes:
    return f"{line}\n".encode(errors="backslashreplace")


def configure_logs(level: str, log_format: LogFormat, file: Path | None, settings: Settings) -> Logs:
    """Once in a process. From here on ``sys.stderr`` waits for nobody either.

    Raises :class:`Failure` when the file cannot be written.
    """
    render = renderers(log_format, colors=file is None and sys.stderr is not None and sys.stderr.isatty())

    def notice(dropped: int) -> bytes:
        said: Any = {"event": "log lines dropped", "lines": dropped, "level": "warning", "logger": "log"}
        for process in (_TIMES, *render):
            said = process(None, "warning", said)
        return encoded(said)

    stderr = LogWriter(stderr_output(), settings.log_queue_bytes, notice)
    output = None if file is None else open_file(file, settings)
    log = stderr if output is None else LogWriter(output, settings.log_queue_bytes, notice)
    handler = install(level, render, log)
    logs = Logs((log,) if log is stderr else (log, stderr), settings.log_drain_timeout, handler)
    sys.stderr = log_stream(stderr.put, sys.stderr)
    for writer in logs.writers:
        os.register_at_fork(after_in_child=writer.after_fork_in_child)
    atexit.register(logs.close)
    log.start()
    if output is not None and output.open_to_others is not None:
        structlog.get_logger("log").warning("others can read the log", path=str(file), reason=output.open_to_others)
    return logs


def renderers(log_format: LogFormat, *, colors: bool) -> list[structlog.typing.Processor]:
    if log_format == "json":
        # structlog would write out every frame's variables: prompts, bodies and tokens among them.
        exceptions = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [structlog.processors.ExceptionRenderer(exceptions), structlog.processors.JSONRenderer()]
    return [structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)]


def stderr_output() -> Descriptor:
    """The null device where stderr was closed: its number may be another file's by now."""
    if sys.stderr is not None:
        return Descriptor(sys.stderr.fileno())
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        return Descriptor(null)
    finally:
        os.close(null)


def open_file(path: Path, settings: Settings) -> LogFile:
    try:
        return LogFile(path, settings.log_file_bytes, settings.log_files_kept)
    except OSError as error:
        raise Failure(f"cannot write the log {path}: {error.strerror}") from error


def install(level: str, render: list[structlog.typing.Processor], writer: LogWriter) -> LogHandler:
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        _TIMES,
        bounded,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = LogHandler(writer)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    # What cannot be rendered is nothing that the log could tell of.
    logging.raiseExceptions = False
    logging.basicConfig(level=number, handlers=[handler], force=True)
    return handler
