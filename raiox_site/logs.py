import logging

from cases import correlation
from integrations.jotform.incoming.cleaning import without_secrets


class CorrelationFilter(logging.Filter):
    """Gives every log record the id of the request or task that wrote it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.correlation_id = correlation.current()[:12] or "-"
        # A refused request is no fault of ours: the line is enough, without a traceback.
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True


class SecretsFilter(logging.Filter):
    """Takes secrets out of what a record says, for every handler that comes after.

    Django writes down the path of a refused request: there the webhook's token is.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            said = record.getMessage()
        except (TypeError, ValueError, LookupError, AttributeError, RuntimeError):
            return True
        record.msg, record.args = without_secrets(said), None
        if record.exc_info and record.exc_info[0]:
            trace = logging.Formatter().formatException(record.exc_info)
            record.exc_text = without_secrets(trace)
        return True
