import logging

from cases import correlation


class CorrelationFilter(logging.Filter):
    """Gives every log record the id of the request or task that wrote it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.correlation_id = correlation.current()[:12] or "-"
        # A refused request is no fault of ours: the line is enough, without a traceback.
        if getattr(record, "status_code", 500) < 500:
            record.exc_info = None
        return True
