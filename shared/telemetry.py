"""The log of a process: events with fields, one JSON object a line, of its libraries too."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from shared.messaging import timestamp

QUIET_LOGGERS = {
    "aiokafka": logging.CRITICAL,  # repeats itself dozens of times a second while the broker is away
    "faststream": logging.WARNING,
    "uvicorn.error": logging.WARNING,
}


def _without_values(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Frames and classes of an exception, never its text: a driver's message may quote a row or a body."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        frames = traceback.extract_tb(error.__traceback__)
        event["exception"] = type(error).__name__
        event["frames"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return event


def _processors(process: str) -> list[structlog.typing.Processor]:
    """Written out rather than structlog's own: the gateway logs each request, at a third of the cost."""

    def identified(_: object, level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["level"] = level
        event["process"] = process
        event["at"] = timestamp(datetime.now(UTC))
        return event

    return [identified, _without_values]


def _encoded(event: Any, **_: Any) -> bytes:
    return msgspec.json.encode(event, enc_hook=str)


def configure_logging(process: str, level: str) -> None:
    """Write every event of this process and of its libraries to standard output, one JSON object a line."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*_processors(process), structlog.processors.JSONRenderer(serializer=_encoded)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.BytesLoggerFactory(sys.stdout.buffer),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, *_processors(process)],
            processor=structlog.processors.JSONRenderer(),
        )
    )
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)
    for name, threshold in QUIET_LOGGERS.items():
        logging.getLogger(name).setLevel(threshold)
