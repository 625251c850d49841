import logging

from cases import correlation


class CorrelationFilter(logging.Filter):
    """Gives every log record the id of the request or task that wrote it."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.correlation_id = correlation.current()[:12] or "-"
        return True
