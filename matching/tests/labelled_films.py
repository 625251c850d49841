"""Small labelled films for the tests about evaluation: bars that differ from line to line."""

from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw

from matching.boxes import Box
from matching.evaluation.labelled import LabelledFilm, Part

SIZE = (120, 160)
BOX = Box(60.0, 80.0, 40.0, 110.0)


def drawn(line: int, seed: int = 0) -> Image.Image:
    """A bar with `line` + 1 notches on grey, shifted by the seed."""
    image = Image.new("L", SIZE, 60 + 3 * (seed % 7))
    draw = ImageDraw.Draw(image)
    left, top = 42 + seed % 5, 26 + seed % 6
    draw.rectangle((left, top, left + 34, top + 106), fill=225)
    for notch in range(line + 1):
        at = top + 12 + notch * 90 // (line + 1)
        draw.rectangle((left, at, left + 8 + 4 * (line % 3), at + 4), fill=70)
    return image


def film(
    line: int,
    number: int,
    *,
    group: str = "",
    part: Part = Part.ANY,
    read: Callable[[], Image.Image] | None = None,
    manufacturer: str = "Maker",
) -> LabelledFilm:
    name = f"{line}-{number}"
    return LabelledFilm(
        name=name,
        label=f"{manufacturer} Line {line}",
        manufacturer=manufacturer,
        line=f"Line {line}",
        group=group or name,
        read=read or (lambda: drawn(line, number)),
        box=BOX,
        part=part,
        digest=name,
    )


def films(lines: int = 3, each: int = 3) -> list[LabelledFilm]:
    return [film(line, number) for line in range(lines) for number in range(each)]


def written(folder: Path, name: str, line: int, number: int = 0) -> Path:
    """A film as a file below the folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    drawn(line, number).save(path, quality=95)
    return path


def labelled_folder(folder: Path, *, lines: int = 3, each: int = 3) -> Path:
    """A folder as design.md, section 6, names its films."""
    for line in range(lines):
        for number in range(each):
            written(
                folder, f"STRAUMANN_KIND{'ABCDEFGH'[line]}_4.{line}mm_{number}.jpg", line, number
            )
    return folder
