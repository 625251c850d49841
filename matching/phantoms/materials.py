"""Attenuation per mm, in relative units, and the smooth fields that things are drawn with.

Metals : titanium : ceramic : enamel : dentine : bone : soft tissue keep the order and roughly
the ratio of the elements' tabulated coefficients at a hardened dental beam (about 50 keV
effective), tuned until a film looks like a periapical one. They are not dosimetry.
"""

import numpy as np
from numpy.random import Generator

from matching.phantoms.profile import Array, ramp

AMALGAM = 1.6
GOLD = 1.3
STEEL = 1.1
GUTTA_PERCHA = 0.55
TITANIUM = 0.5
COMPOSITE = 0.26
CERAMIC = 0.30
ENAMEL = 0.20
DENTINE = 0.12
BONE = 0.055
SOFT_TISSUE = 0.018
JAW_MM = 8.0
CHEEK_MM = 10.0


def smooth_step(value: Array) -> Array:
    share = ramp(value)
    return share * share * (3 - 2 * share)


def cloud(rng: Generator, shape: tuple[int, int], cell: float) -> Array:
    """Smooth random field of about unit spread; `cell` is its grain in pixels."""
    import cv2

    small = (int(shape[0] / cell) + 3, int(shape[1] / cell) + 3)
    seeds = rng.standard_normal(small, dtype=np.float32)
    size = (max(int(small[1] * cell) + 1, shape[1]), max(int(small[0] * cell) + 1, shape[0]))
    grown = np.asarray(cv2.resize(seeds, size, interpolation=cv2.INTER_CUBIC), np.float32)
    return grown[: shape[0], : shape[1]]


def bell(value: Array, spread: float) -> Array:
    """A bump of height 1 around 0."""
    return np.exp(-np.square(value / spread))
