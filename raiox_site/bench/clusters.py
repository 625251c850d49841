"""Vectors as references of a large catalogue have them: never uniform noise, in which nothing is
near anything, and of which an index finds less than of what it is made for.

Implants stand in families (sizes of a line), references around their implant. The figures are
those of 160 phantoms in the encoder in the box, made a little harder: there the mean of all
references has length 0.29, references of one implant have cosines of 0.96 to 1.0 (0.99 at the
middle), and what varies fills 20 dimensions between implants and 15 within one (participation
ratio; here 28). How near lines of one family stand could not be measured on 32 lines: at a cosine
of 0.94, a film may well be nearer to another size than to its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from matching.encoder import DIMENSIONS, Vector

FAMILY = 8
# Lengths beside a family's own part, which has length 1: what all films share, and how far an
# implant lies from its family, a reference from its implant, and a film from its implant.
COMMON, OF_IMPLANT, OF_REFERENCE, OF_FILM = 0.3, 0.25, 0.2, 0.3
# Rows that are made at once: 40 MB.
AT_ONCE = 20_000


@dataclass(frozen=True)
class Clusters:
    """`implants` times `references` vectors of length 1, float32, the same for the same `seed`."""

    implants: int
    references: int
    seed: int = 0

    @property
    def families(self) -> int:
        return -(-self.implants // FAMILY)

    def chunks(self) -> Iterator[tuple[int, Vector]]:
        """The place of the first implant, and of it and some that follow all references, of shape
        (implants, references, 512)."""
        rng = np.random.default_rng((self.seed, 1))
        size = max(1, AT_ONCE // self.references)
        for first in range(0, self.implants, size):
            centres = self._centres[first : first + size, None]
            shape = len(centres), self.references
            yield first, _unit(centres + OF_REFERENCE * self._varied(rng, shape, within=True))

    def films(self, number: int) -> Vector:
        """Films of implants that were drawn by lot, none of them a reference, of shape
        (number, 512)."""
        rng = np.random.default_rng((self.seed, 2))
        centres = self._centres[rng.integers(0, self.implants, number)]
        return _unit(centres + OF_FILM * self._varied(rng, (number,), within=True))

    @cached_property
    def _centres(self) -> Vector:
        """Of every implant, of shape (implants, 512); 100 MB for 50,000."""
        rng = np.random.default_rng((self.seed, 0))
        common = COMMON * _unit(rng.standard_normal(DIMENSIONS, dtype=np.float32))
        families = _unit(common + self._varied(rng, (self.families,)))
        own = np.repeat(families, FAMILY, axis=0)[: self.implants]
        return _unit(own + OF_IMPLANT * self._varied(rng, (self.implants,)))

    def _varied(
        self, rng: np.random.Generator, shape: tuple[int, ...], *, within: bool = False
    ) -> Vector:
        """Of length 1 in the mean. Few directions hold most of it, within an implant (pose and
        exposure) others than between implants (shape)."""
        deviations = np.sqrt(_SHARES)
        order = np.random.default_rng((self.seed, 3 + within)).permutation(DIMENSIONS)
        drawn = rng.standard_normal((*shape, DIMENSIONS), dtype=np.float32)
        return np.asarray(drawn * deviations[order])


_HARMONIC = 1 / np.arange(1, DIMENSIONS + 1)
_SHARES: Vector = (_HARMONIC / _HARMONIC.sum()).astype(np.float32)


def _unit(vectors: Vector) -> Vector:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)
