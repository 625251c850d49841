"""Lines for systemd's journal. It takes the level of each from a number in front (sd-daemon(3)),
which it does not keep; without one all is information: `journalctl -p warning` shows nothing."""

import logging
import os

LEVELS = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4))
INFORMATION = 6


def is_read() -> bool:
    """Whether what this process writes to standard error goes to the journal."""
    try:
        about = os.fstat(2)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}"


def for_the_journal(text: str, level: int) -> str:
    """The text, where the journal reads it with its level before every line."""
    if not is_read():
        return text
    number = next((number for least, number in LEVELS if level >= least), INFORMATION)
    return "\n".join(f"<{number}>{line}" for line in text.split("\n"))


class TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return for_the_journal(super().format(record), record.levelno)
