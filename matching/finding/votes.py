"""From the network's answer to boxes: cells that vote for the same box are averaged."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from matching.boxes import Box
from matching.finding.geometry import box_between, covered

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
# The part of a fixture's cells whose probability is its score.
ASKED = 0.6
# Pixels under which a cell knows no better by being nearer to an end.
NEAREST = 8.0


@dataclass(frozen=True)
class Vote:
    """Boxes in pixels, one a row: the voting cell, platform and apex (n, 2), width and
    probability (n,)."""

    cell: Array
    platform: Array
    apex: Array
    width: Array
    probability: Array

    def of(self, rows: Array) -> "Vote":
        return Vote(*(part[rows] for part in self.parts))

    @property
    def parts(self) -> tuple[Array, ...]:
        return self.cell, self.platform, self.apex, self.width, self.probability


def boxes(answer: Array) -> list[tuple[Box, float]]:
    """Boxes in pixels of the network's input, with scores 0…1, best first; `answer` is the
    network's for one film, (6, rows, columns)."""
    left = read(answer)
    found = []
    while len(left.probability):
        members = _members(left)
        found.append(_merged(left.of(members)))
        left = left.of(~members)
    return without_doubles(found)


def read(answer: Array) -> Vote:
    """The votes of all cells that are more than unlikely, most probable first."""
    probability = 1 / (1 + np.exp(-answer[0]))
    rows, columns = np.nonzero(probability > LEAST_PROBABILITY)
    order = np.argsort(-probability[rows, columns], kind="stable")[:MOST_VOTES]
    rows, columns = rows[order], columns[order]
    cells = np.stack([columns, rows], axis=1) * STRIDE + (STRIDE - 1) / 2
    told = answer[1:, rows, columns].T
    width = UNIT * np.exp(np.clip(told[:, 4], -4, 4))
    return Vote(
        cells,
        cells + UNIT * told[:, 0:2],
        cells + UNIT * told[:, 2:4],
        width,
        probability[rows, columns],
    )


def without_doubles(found: list[tuple[Box, float]]) -> list[tuple[Box, float]]:
    kept: list[tuple[Box, float]] = []
    for box, score in sorted(found, key=lambda pair: -pair[1]):
        if not any(covered(box, other) > SAME for other, _score in kept):
            kept.append((box, score))
    return kept


def _members(votes: Vote) -> Array:
    """Which votes mean the same box as the first, (n,) of bool; the first always does."""
    axis = votes.apex[0] - votes.platform[0]
    height = max(float(np.hypot(*axis)), 1.0)
    down = axis / height
    off = (votes.platform + votes.apex) / 2 - (votes.platform[0] + votes.apex[0]) / 2
    along, across = np.abs(off @ down), np.abs(off @ np.array([down[1], -down[0]]))
    near = (along < NEAR_ALONG * height) & (across < NEAR_ACROSS * votes.width[0])
    near[0] = True
    return near


def _merged(votes: Vote) -> tuple[Box, float]:
    """One box, the mean of all ends, and how sure: the mean probability of the surest of the
    cells that a fixture of this size has, 0 for those that do not vote."""
    down = votes.apex[0] - votes.platform[0]
    agrees = ((votes.apex - votes.platform) @ down > 0)[:, None]
    top = np.where(agrees, votes.platform, votes.apex)
    bottom = np.where(agrees, votes.apex, votes.platform)
    weight = votes.probability
    if (weight * agrees[:, 0]).sum() < weight.sum() / 2:
        top, bottom = bottom, top
    platform, apex = (_end(part, votes.cell, weight) for part in (top, bottom))
    width = float(np.exp(np.average(np.log(votes.width), weights=weight)))
    box = box_between(platform, apex, width)
    cells = CORE_ACROSS * CORE_ALONG * box.width * box.height / STRIDE**2
    asked = max(round(ASKED * cells), 1)
    return box, float(weight[:asked].sum() / asked)


def _end(told: Array, cell: Array, weight: Array) -> Array:
    """Where an end lies (2,): the nearer a cell is to it, the better it knows."""
    away = np.hypot(*(told - cell).T)
    return np.average(told, axis=0, weights=weight / (away + NEAREST) ** 2)
