"""From the network's answer to boxes: cells that vote for the same box are averaged."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from matching.boxes import Box
from matching.finding.geometry import box_between, covered, ends

Array = np.ndarray[Any, Any]

# Pixels of the network's input for each of its cells, and pixels that stand for 1 in its answer.
STRIDE, UNIT = 4, 32.0
# The part of a box whose cells are trained to vote for it.
CORE_ACROSS, CORE_ALONG = 0.7, 0.85
LEAST_PROBABILITY = 0.2
MOST_VOTES = 1500
# A vote counts for a box when its own centre is this near, in parts of width and height.
NEAR_ACROSS, NEAR_ALONG = 0.5, 0.3
# Two boxes of which the smaller lies in the other by more than this are the same fixture.
SAME = 0.4
# The part of the votes, the surest, that say where a box about lies.
SUREST = 0.3
# The part of a fixture's cells whose probability is its score.
ASKED = 0.6
# Pixels under which a cell knows no better by being nearer to an end.
NEAREST = 8.0


@dataclass(frozen=True)
class Vote:
    """Boxes in pixels, one a row: the voting cell, the upper and the lower end (n, 2), width,
    probability of being a fixture and of the platform being the upper end (n,)."""

    cell: Array
    upper: Array
    lower: Array
    width: Array
    probability: Array
    is_up: Array

    def of(self, rows: Array) -> "Vote":
        return Vote(*(part[rows] for part in self.parts))

    @property
    def parts(self) -> tuple[Array, ...]:
        return self.cell, self.upper, self.lower, self.width, self.probability, self.is_up


def boxes(answer: Array) -> list[tuple[Box, float]]:
    """Boxes in pixels of the network's input, with scores 0…1, best first; `answer` is the
    network's for one film, (7, rows, columns)."""
    left = read(answer)
    found = []
    while len(left.probability):
        members = _members(left)
        found.append(_merged(left.of(members)))
        left = left.of(~members)
    return without_doubles(found)


def read(answer: Array) -> Vote:
    """The votes of all cells that are more than unlikely, most probable first."""
    probability = share(answer[0])
    rows, columns = np.nonzero(probability > LEAST_PROBABILITY)
    order = np.argsort(-probability[rows, columns], kind="stable")[:MOST_VOTES]
    rows, columns = rows[order], columns[order]
    cell = np.stack([columns, rows], axis=1) * STRIDE + (STRIDE - 1) / 2
    told = answer[1:, rows, columns].T
    return Vote(
        cell,
        cell + UNIT * told[:, 0:2],
        cell + UNIT * told[:, 2:4],
        UNIT * np.exp(np.clip(told[:, 4], -4, 4)),
        probability[rows, columns],
        share(told[:, 5]),
    )


def share(logit: Array) -> Array:
    """0…1 of a logit."""
    found: Array = 1 / (1 + np.exp(-np.clip(logit, -30, 30)))
    return found


def without_doubles(found: list[tuple[Box, float]]) -> list[tuple[Box, float]]:
    kept: list[tuple[Box, float]] = []
    for box, score in sorted(found, key=lambda pair: -pair[1]):
        if not any(covered(box, other) > SAME for other, _score in kept):
            kept.append((box, score))
    return kept


def _members(votes: Vote) -> Array:
    """Which votes mean the same box as the first, (n,) of bool; the first always does."""
    axis = votes.lower[0] - votes.upper[0]
    height = max(float(np.hypot(*axis)), 1.0)
    down = axis / height
    off = (votes.upper + votes.lower) / 2 - (votes.upper[0] + votes.lower[0]) / 2
    along, across = np.abs(off @ down), np.abs(off @ np.array([down[1], -down[0]]))
    near = (along < NEAR_ALONG * height) & (across < NEAR_ACROSS * votes.width[0])
    near[0] = True
    return near


def _merged(votes: Vote) -> tuple[Box, float]:
    """One box, the mean of what is voted for, and how sure: the mean probability of the surest
    of the cells that a fixture of this size has, 0 for those that do not vote.

    Cells about a fixture, on its crown or beside it, were never trained to say where it ends:
    in the end only those in its core do.
    """
    box = _averaged(votes.of(np.arange(len(votes.cell)) <= len(votes.cell) * SUREST))
    for _again in range(2):
        core = _in_core(box, votes.cell)
        box = _averaged(votes.of(core)) if core.any() else box
    cells = CORE_ACROSS * CORE_ALONG * box.width * box.height / STRIDE**2
    asked = max(round(ASKED * cells), 1)
    return box, float(votes.probability[:asked].sum() / asked)


def _averaged(votes: Vote) -> Box:
    # Of a fixture that lies flat some cells may take the one end for the upper, some the other.
    axis = votes.lower[0] - votes.upper[0]
    agrees = (votes.lower - votes.upper) @ axis > 0
    first = np.where(agrees[:, None], votes.upper, votes.lower)
    last = np.where(agrees[:, None], votes.lower, votes.upper)
    weight = votes.probability
    platform, apex = (_end(part, votes.cell, weight) for part in (first, last))
    if np.average(np.where(agrees, votes.is_up, 1 - votes.is_up), weights=weight) < 0.5:
        platform, apex = apex, platform
    width = float(np.exp(np.average(np.log(votes.width), weights=weight)))
    return box_between(platform, apex, width)


def _in_core(box: Box, cell: Array) -> Array:
    """Which cells lie in the core of the box, (n,) of bool."""
    platform, apex = (np.array(end) for end in ends(box))
    down = (apex - platform) / max(box.height, 1e-6)
    off = cell - (platform + apex) / 2
    along, across = np.abs(off @ down), np.abs(off @ np.array([down[1], -down[0]]))
    core: Array = (along <= CORE_ALONG * box.height / 2) & (across <= CORE_ACROSS * box.width / 2)
    return core


def _end(told: Array, cell: Array, weight: Array) -> Array:
    """Where an end lies (2,): the nearer a cell is to it, the better it knows."""
    away = np.hypot(*(told - cell).T)
    return np.average(told, axis=0, weights=weight / (away + NEAREST) ** 2)
