"""Which films the catalogue takes, as the layer that reads films has it."""

from collections.abc import Callable


class FilmRefused(ValueError):
    """The bytes are no film that could be searched. `str()` is a sentence for people; `code`
    is `too_large`, `format` (no picture, or of another kind) or `unusable`."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


Check = Callable[[bytes], object]


def _take_every_film(content: bytes) -> None:
    return None


_check: Check = _take_every_film


def checked_by(check: Check) -> None:
    """The layer that reads films tells here which it takes: `check` raises FilmRefused."""
    global _check
    _check = check


def check_film(content: bytes) -> None:
    """Raises FilmRefused."""
    _check(content)
