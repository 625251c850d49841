"""One JSON object for each line. No Django here: gunicorn's first process writes so too."""

import json
import logging
from datetime import UTC, datetime

from raiox_site.journal import for_the_journal

# What a record may say beside its message. All that it has would be too much: Django hangs the
# whole request on some, and that is about a person.
SAID = ("method", "route", "status", "milliseconds")


class JsonFormatter(logging.Formatter):
    """`time` (UTC), `level`, `logger`, `message`, `correlation_id`, `process`, and where there is
    one `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "correlation_id": getattr(record, "correlation_id", "-"),
            "process": record.process,
            **{name: getattr(record, name) for name in SAID if hasattr(record, name)},
        }
        if trace := self._trace(record):
            line["exception"] = trace
        text = json.dumps(line, ensure_ascii=False, default=str)
        return for_the_journal(text, record.levelno)

    def _trace(self, record: logging.LogRecord) -> str:
        # `raiox_site.logs` has taken the secrets out of a text that is there already.
        if record.exc_text or not (record.exc_info and record.exc_info[0]):
            return record.exc_text or ""
        return self.formatException(record.exc_info)
