"""The log: a line of JSON on standard error for whatever happens."""

from __future__ import annotations

import datetime
import json
import logging
import sys

LOGGER = logging.getLogger("fer_tf.service")
ACCESS = logging.getLogger("fer_tf.service.access")


class JsonLines(logging.Formatter):
    """A record as JSON: time (UTC), level, event, and what its `extra` has under "fields"."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the record holds."""
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC)
        line = {
            "time": time.isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "process": record.process,
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(*, access: bool) -> None:
    """Write all loggers' warnings, and the service's own notices, to standard error.

    Args:
        access: each request, too.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    LOGGER.setLevel(logging.INFO)
    # It tells of each form that is not one, as the answer does.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    ACCESS.setLevel(logging.INFO if access else logging.CRITICAL)
