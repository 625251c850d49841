import logging
import re

from cases import correlation
from integrations.jotform.incoming.cleaning import without_secrets

# A line break in what a client sent must not look like a line of ours.
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
_ADDRESS = re.compile(r"[\w.+%-]+@[\w-]+(\.[\w-]+)+")


def fit_to_keep(said: str) -> str:
    """Without secrets and e-mail addresses."""
    return _ADDRESS.sub("[e-mail]", without_secrets(said))


def on_one_line(said: str) -> str:
    return _CONTROL.sub(lambda found: repr(found.group())[1:-1], said)


class CorrelationFilter(logging.Filter):
    """Gives every log record the id of the request or task that wrote it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.correlation_id = correlation.known() or "-"
        # A refused request is no fault of ours: the line is enough, without a traceback.
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = record.exc_text = None
        return True


class SecretsFilter(logging.Filter):
    """Takes secrets and e-mail addresses out of what a record says, for every handler that
    comes after.

    Django writes down the path of a refused request: there the webhook's token is.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            said = record.getMessage()
        except (TypeError, ValueError, LookupError, AttributeError, RuntimeError):
            return True
        record.msg, record.args = on_one_line(fit_to_keep(said)), None
        if record.exc_info and record.exc_info[0]:
            trace = logging.Formatter().formatException(record.exc_info)
            record.exc_text = fit_to_keep(trace)
        return True
