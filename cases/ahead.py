"""A film that its door has read, and on which is looked while its case is being written."""

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Self

from cases import film_cache
from matching import seeing
from matching.encoder import EncoderError, ready_encoder
from matching.radiograph import Radiograph
from matching.seeing import Seen


@dataclass(frozen=True)
class Ahead:
    """`known` is what the cache says of the film."""

    film: Radiograph
    known: Seen | None = None
    _coming: Future[Seen] | None = None

    @classmethod
    def of(cls, film: Radiograph) -> Self:
        """Begins to look. What goes wrong is said where the answer is needed, when the case is
        there to be told."""
        try:
            encoder = ready_encoder()
        except EncoderError:
            return cls(film)
        if known := film_cache.recall(film.sha256):
            return cls(film, known=known)
        return cls(film, _coming=seeing.begin(film.image, encoder=encoder))

    def seen(self) -> Seen:
        """Raises EncoderError."""
        if self.known or self._coming is None:
            return self.known or seeing.see(self.film.image, encoder=ready_encoder())
        return self._coming.result()
