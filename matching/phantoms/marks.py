"""What is written on a film: the word PHANTOM on every one, notes and arrows on some."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

# "PHANTOM" in a 5 x 7 grid, one number a row: a font of our own is the same everywhere.
_LETTERS = {
    "P": (30, 17, 17, 30, 16, 16, 16),
    "H": (17, 17, 17, 31, 17, 17, 17),
    "A": (14, 17, 17, 31, 17, 17, 17),
    "N": (17, 25, 25, 21, 19, 19, 17),
    "T": (31, 4, 4, 4, 4, 4, 4),
    "O": (14, 17, 17, 17, 17, 17, 14),
    "M": (17, 27, 21, 21, 17, 17, 17),
}
LABEL_CORNER = (7, 7)
LABEL_GREY = 165
# Pixels of a film's shorter side for each pixel of the label's letters.
LABEL_SHARE = 320
NOTES = ("R", "L", "D", "E", "46", "36", "11", "24", "70kV 7mA", "RX-0042", "Pos-op", "2 anos")


def burn_label(pixels: Pixels) -> None:
    """Write PHANTOM into the corner, always the same way on films of one size, in place."""
    glyphs = []
    for letter in "PHANTOM":
        bits = [[row << 1 >> (5 - column) & 1 for column in range(6)] for row in _LETTERS[letter]]
        glyphs.append(np.array(bits, bool))
    size = max(min(pixels.shape) // LABEL_SHARE, 1)
    word = np.pad(np.kron(np.hstack(glyphs), np.ones((size, size), bool)), 3)
    top, left = LABEL_CORNER
    plate = pixels[top : top + word.shape[0], left : left + word.shape[1]]
    # A film of few pixels has room for the beginning only.
    plate[:] = np.where(word[: plate.shape[0], : plate.shape[1]], LABEL_GREY, 0)


def write_notes(rng: Generator, pixels: Pixels) -> None:
    """One to three words near the film's edge, in place."""
    import cv2

    rows, columns = pixels.shape
    size = min(rows, columns) / 700
    for _ in range(rng.integers(1, 4)):
        text, grey = str(rng.choice(NOTES)), int(rng.choice((255, 230, 0)))
        x = int(rng.choice((0.03, 0.72)) * columns + rng.uniform(0, 0.06) * columns)
        y = int(rng.choice((0.1, 0.96)) * rows - rng.uniform(0, 0.03) * rows)
        scale = size * rng.uniform(0.9, 1.8)
        thick = max(round(2 * scale), 1)
        cv2.putText(pixels, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, scale, grey, thick, cv2.LINE_AA)


def draw_arrows(rng: Generator, pixels: Pixels) -> None:
    """One or two arrows that point somewhere, in place."""
    import cv2

    rows, columns = pixels.shape
    for _ in range(rng.integers(1, 3)):
        tip = rng.uniform(0.2, 0.8, 2) * (columns, rows)
        turn, far = rng.uniform(0, 2 * np.pi), rng.uniform(0.08, 0.2) * min(rows, columns)
        start = tip + far * np.array([np.cos(turn), np.sin(turn)])
        thick = max(round(min(rows, columns) / rng.uniform(120, 250)), 1)
        begin, end = ([int(value) for value in point] for point in (start, tip))
        grey = int(rng.choice((255, 240, 20)))
        cv2.arrowedLine(pixels, begin, end, grey, thick, cv2.LINE_AA, tipLength=0.3)
