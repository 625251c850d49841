"""The fixtures of a training, each projected once from several sides.

Projecting the metal is what costs most of a picture; everything else about it is drawn anew.
"""

from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from matching.phantoms.profile import Array
from matching.training.identities import Identity, families, known_shapes
from matching.training.looks import metal_mm

ROWS = 208
# Space around the fixture, mm: a leaning one reaches beyond its own length.
AROUND = 0.4
STEP_MM = 0.04
POSES = 8
LEAN_DEGREES = 8.0
# What a screw leaves of the cavity in every other pose.
FILL = 0.7


class Pose(NamedTuple):
    """mm of metal over the film plane in steps of STEP_MM, (ROWS, columns); pixel (0, 0) lies
    at (−`half`, −`reach`) mm from the fixture's middle, and `scale` pixels are one mm.
    `lean` is in degrees; `is_filled` where something is screwed in."""

    metal: NDArray[np.uint8]
    half: float
    reach: float
    scale: float
    lean: float
    is_filled: bool


class Pool:
    """`count` identities, the catalogue's lines first, in families, each in some poses."""

    def __init__(self, *, count: int, seed: int, poses: int = POSES) -> None:
        rng = np.random.default_rng((seed, count))
        self.identities = families(rng, count)
        self._poses = [
            [posed(rng, identity, is_filled=bool(number % 2)) for number in range(poses)]
            for identity in self.identities
        ]

    def __len__(self) -> int:
        return len(self.identities)

    def pose(self, rng: Generator, number: int) -> Pose:
        poses = self._poses[number]
        return poses[int(rng.integers(len(poses)))]

    def chosen(self, rng: Generator, count: int, *, lines: int) -> list[int]:
        """`count` different numbers: `lines` lines of the catalogue, and others in families."""
        known = len(known_shapes())
        found = dict.fromkeys(int(one) for one in rng.permutation(known)[:lines])
        while len(found) < count:
            first = int(rng.integers(known, len(self)))
            found.update(dict.fromkeys(range(first, min(first + 3, len(self)))))
        return list(found)[:count]


def posed(rng: Generator, identity: Identity, *, is_filled: bool) -> Pose:
    """The metal of a fixture turned and tilted by chance."""
    shape = identity.shape
    lean = min(abs(float(rng.normal(0, LEAN_DEGREES))), 30.0)
    cosine = float(np.cos(np.radians(lean)))
    tall = shape.length - shape.top_z
    reach = tall * cosine / 2 + shape.radius * float(np.sin(np.radians(lean))) + AROUND
    half = 1.2 * shape.radius + AROUND
    scale = ROWS / (2 * reach)
    columns = max(int(2 * half * scale), 8)
    x = (np.arange(columns, dtype=np.float32)[None, :] + 0.5) / scale - half
    v = (np.arange(ROWS, dtype=np.float32)[:, None] + 0.5) / scale - reach
    x, v = np.broadcast_arrays(x, v)
    z = v / cosine + (shape.length + shape.top_z) / 2
    metal = metal_mm(
        identity.look,
        shape,
        x.astype(np.float32),
        z.astype(np.float32),
        spin=float(rng.uniform(0, 2 * np.pi)),
        fill=FILL if is_filled else 0.0,
        lean=lean,
    )
    bytes_ = np.clip(np.rint(metal / STEP_MM), 0, 255).astype(np.uint8)
    return Pose(bytes_, half, reach, scale, lean, is_filled)


def metal_at(pose: Pose, x: Array, v: Array) -> Array:
    """mm of metal at x, v mm (any one shape) from the fixture's middle."""
    import cv2

    columns = ((x + pose.half) * pose.scale - 0.5).astype(np.float32)
    rows = ((v + pose.reach) * pose.scale - 0.5).astype(np.float32)
    found = cv2.remap(pose.metal, columns, rows, cv2.INTER_LINEAR, borderValue=0)
    return found.astype(np.float32) * np.float32(STEP_MM)
