"""What is to be told apart: shapes of catalogue lines, random ones, and close relatives."""

from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

import numpy as np
from numpy.random import Generator

from implants.catalogue import CatalogueFacts, demo_catalogue, read_catalogue
from implants.vocabulary import Apex, BodyShape, Collar, Connection, Thread
from matching.phantoms.facts import COLLAR_HEIGHTS, THREAD_FORMS, Shape, complete_shape
from matching.training.looks import FAITHFUL, Look, random_look

RELATIVES = 2


@dataclass(frozen=True)
class Identity:
    """A shape as one renderer draws it."""

    shape: Shape
    look: Look = FAITHFUL


def held_out() -> list[CatalogueFacts]:
    """Eight lines that no training ever sees."""
    text = resources.files("matching.training") / "held_out.csv"
    return read_catalogue(text.read_text(encoding="utf-8").splitlines())


@cache
def known_shapes() -> tuple[Shape, ...]:
    """The shapes of the demo catalogue's lines, in its order."""
    return tuple(complete_shape(facts) for facts in demo_catalogue())


def families(rng: Generator, count: int) -> list[Identity]:
    """`count` different identities: first every line of the catalogue, then families of which
    each has a first member and relatives that differ in a detail."""
    lines = [Identity(shape) for shape in known_shapes()]
    # Keys of a dictionary: what has no thread may have many a relative that is no other.
    found = dict.fromkeys(lines)
    found.update(dict.fromkeys(one for line in lines for one in _relatives(rng, line)))
    found.update(dict.fromkeys(Identity(one.shape, random_look(rng)) for one in lines))
    while len(found) < count:
        first = Identity(random_shape(rng), random_look(rng))
        found.update(dict.fromkeys([first, *_relatives(rng, first)]))
    return list(found)[:count]


def _relatives(rng: Generator, first: Identity) -> list[Identity]:
    return [Identity(relative(rng, first.shape), first.look) for _relative in range(RELATIVES)]


def random_shape(rng: Generator) -> Shape:
    """A fixture nobody makes, within the sizes that are made (mm)."""
    thread = _any(rng, Thread)
    collar = _any(rng, Collar, but=(Collar.INTEGRAL,))
    connection = _any(rng, Connection, but=(Connection.ONE_PIECE,))
    if rng.random() < 0.05:
        collar, connection = str(Collar.INTEGRAL), str(Connection.ONE_PIECE)
    diameter = float(rng.uniform(2.9, 6.0))
    return Shape(
        diameter=diameter,
        length=float(rng.uniform(7, 16) if rng.random() < 0.9 else rng.uniform(4, 8)),
        platform=_platform(rng, diameter, collar),
        mouth=float(rng.uniform(0.5, 0.78) * diameter),
        body=_any(rng, BodyShape),
        connection=connection,
        collar=collar,
        collar_height=COLLAR_HEIGHTS[collar] * float(rng.uniform(0.6, 1.5)),
        above_bone=collar in (Collar.INTEGRAL, Collar.FLARED) or bool(rng.random() < 0.2),
        thread=thread,
        leads=int(rng.choice([1, 2, 3], p=[0.6, 0.25, 0.15])),
        apex=_any(rng, Apex),
        **_thread(rng, thread, diameter),
    )


def _platform(rng: Generator, diameter: float, collar: str) -> float:
    low, high = {Collar.FLARED: (1.05, 1.4), Collar.BACK_TAPERED: (0.75, 0.92)}.get(
        Collar(collar), (0.85, 1.12)
    )
    return diameter * float(rng.uniform(low, high))


def _thread(rng: Generator, thread: str, diameter: float) -> dict[str, float]:
    form = THREAD_FORMS[thread]
    pitch = form.pitch * float(np.exp(rng.uniform(-0.45, 0.45)))
    depth = form.depth * float(np.exp(rng.uniform(-0.5, 0.4)))
    return {"pitch": pitch, "depth": min(depth, 0.16 * diameter, 0.7 * pitch)}


def relative(rng: Generator, shape: Shape) -> Shape:
    """The same fixture with one or two details changed: as sister lines differ."""
    for _change in range(int(rng.integers(1, 3))):
        change = _CHANGES[int(rng.integers(len(_CHANGES)))]
        shape = replace(shape, **change(rng, shape))
    return shape


def _any(rng: Generator, words: type, but: tuple[str, ...] = ()) -> str:
    left = [str(word) for word in words if word not in but]  # type: ignore[attr-defined]
    return left[int(rng.integers(len(left)))]


def _other_thread(rng: Generator, shape: Shape) -> dict[str, object]:
    thread = _any(rng, Thread, but=(shape.thread,))
    return {"thread": thread, **_thread(rng, thread, shape.diameter)}


def _other_pitch(rng: Generator, shape: Shape) -> dict[str, object]:
    return {"pitch": shape.pitch * float(rng.choice([0.68, 0.78, 1.28, 1.48]))}


def _other_depth(rng: Generator, shape: Shape) -> dict[str, object]:
    depth = shape.depth * float(rng.choice([0.5, 0.65, 1.5]))
    return {"depth": min(depth, 0.18 * shape.diameter, 0.75 * shape.pitch)}


def _other_size(rng: Generator, shape: Shape) -> dict[str, object]:
    return {"length": shape.length * float(rng.choice([0.75, 0.84, 1.2, 1.34]))}


def _other_width(rng: Generator, shape: Shape) -> dict[str, object]:
    wider = float(rng.choice([0.84, 1.19]))
    return {"diameter": shape.diameter * wider, "platform": shape.platform * wider}


def _other_collar(rng: Generator, shape: Shape) -> dict[str, object]:
    if shape.connection == Connection.ONE_PIECE:
        return {"collar_height": shape.collar_height * float(rng.choice([0.6, 1.6]))}
    collar = _any(rng, Collar, but=(shape.collar, Collar.INTEGRAL))
    return {
        "collar": collar,
        "collar_height": COLLAR_HEIGHTS[collar] * float(rng.uniform(0.7, 1.4)),
        "platform": _platform(rng, shape.diameter, collar),
    }


def _other_connection(rng: Generator, shape: Shape) -> dict[str, object]:
    if shape.connection == Connection.ONE_PIECE:
        return {}
    but = (shape.connection, Connection.ONE_PIECE)
    return {"connection": _any(rng, Connection, but=but)}


_CHANGES = (
    _other_thread,
    _other_pitch,
    _other_depth,
    _other_size,
    _other_width,
    _other_collar,
    _other_connection,
    lambda rng, shape: {"apex": _any(rng, Apex, but=(shape.apex,))},
    lambda rng, shape: {"body": _any(rng, BodyShape, but=(shape.body,))},
    lambda rng, shape: {"leads": int(rng.choice([n for n in (1, 2, 3) if n != shape.leads]))},
)
