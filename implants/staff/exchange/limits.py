"""How much a table may hold, and what is said of one that cannot be read."""

MAX_BYTES = 3 * 1024 * 1024
MAX_ROWS = 5000
MAX_COLUMNS = 60
# Lines of a sheet, blank ones between the rows included.
MAX_LINES = 20_000


class TableError(ValueError):
    """The file is no table that we can read. `str()` is a sentence for people."""
