"""Logs for machines: a line of JSON for each event, with the request it belongs to and nobody's personal data."""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime

REQUEST: ContextVar[str] = ContextVar("request", default="")
"""Number of the request in hand; threads that work for it see it too."""


class JsonLines(logging.Formatter):
    r"""Writes a record as one line: moment, level, who says it, what, the request and the facts given as ``extra``.

    >>> record = logging.LogRecord("api", logging.INFO, "", 0, "two\nlines", (), None)
    >>> record.facts = {"status": 200}
    >>> list(json.loads(JsonLines().format(record)))
    ['time', 'level', 'logger', 'message', 'status']
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := REQUEST.get():
            told["request"] = request
        told |= getattr(record, "facts", {})
        if record.exc_info:
            told["fault"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def log_to_stderr(*, requests: bool) -> None:
    """Let warnings and faults of this process be written to standard error, and every request if wanted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("api.gateway").setLevel(logging.INFO if requests else logging.WARNING)
