"""JSON lines about what the server does. No personal data: ids, routes and figures alone.

Names, addresses, bodies, query strings and tokens never become fields of a line.
"""

import logging
import sys

import structlog


def set_up() -> None:
    """Write one JSON object a line to standard error, the libraries' lines too."""
    stages: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*stages, structlog.processors.JSONRenderer()],
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(), foreign_pre_chain=stages
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    # Its access lines hold addresses and query strings; the border writes better ones.
    logging.getLogger("uvicorn.access").disabled = True
