class BackupError(Exception):
    """A backup, a restore or a drill cannot be done, or proved bad. `str()` is a sentence for
    the operator, without secrets."""
