"""The learning curve as a picture: SVG, without any script."""

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 720, 380
LEFT, RIGHT, TOP, BOTTOM = 56, 190, 24, 44
LINES = (
    ("top3", "top 3, demo lines", "#0b6e4f"),
    ("top1", "top 1, demo lines", "#08a045"),
    ("held_out_top3", "top 3, held-out lines", "#9d4edd"),
    ("held_out_top1", "top 1, held-out lines", "#c77dff"),
    ("mean_loss", "loss / its first value", "#6c757d"),
)


def curve(history: Sequence[dict[str, float]], *, steps: int) -> str:
    """The figures of each measurement over the steps, as the text of an SVG file."""
    lines = [
        part
        for number, (name, label, colour) in enumerate(LINES)
        for part in _line(history, name, label, colour, number, steps)
    ]
    frame = [_grid(share / 5) for share in range(6)]
    ticks = [_tick(steps * share / 4, steps) for share in range(5)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12" role="img">'
        "<title>Learning curve: pictures that are never trained on</title>"
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
        + "".join([*frame, *ticks, *lines])
        + "</svg>\n"
    )


def _x(step: float, steps: int) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * step / max(steps, 1), 1)


def _y(share: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - share), 1)


def _line(
    history: Sequence[dict[str, float]],
    name: str,
    label: str,
    colour: str,
    number: int,
    steps: int,
) -> list[str]:
    scale = history[0][name] if name == "mean_loss" and history else 1.0
    places = [
        f"{_x(row['step'], steps)},{_y(min(row[name] / (scale or 1.0), 1.0))}" for row in history
    ]
    points = " ".join(places)
    height = TOP + 18 * number + 8
    return [
        f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>',
        f'<text x="{WIDTH - RIGHT + 14}" y="{height}" fill="{colour}">{escape(label)}</text>',
    ]


def _grid(share: float) -> str:
    return (
        f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{_y(share)}" y2="{_y(share)}" '
        f'stroke="#dee2e6"/><text x="{LEFT - 8}" y="{_y(share) + 4}" text-anchor="end">'
        f"{share:.0%}</text>"
    )


def _tick(step: float, steps: int) -> str:
    return (
        f'<text x="{_x(step, steps)}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">'
        f"{round(step)}</text>"
    )
