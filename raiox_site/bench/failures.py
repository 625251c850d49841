"""What ends a measurement. Imports nothing: processes without Django measure too."""


class NotAnswered(RuntimeError):
    """What is measured was refused, failed, or does not exist. `str()` says what."""
