"""Plots as SVG text for the report: no script, no font, no file beside it.

Colours are classes that the report's style sheet defines; lines also differ by their dashes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 460, 240
LEFT, RIGHT, TOP, BOTTOM = 44, 446, 14, 204
COLOURS = 6
ROW, NAMES = 22, 190


@dataclass(frozen=True)
class Series:
    """Values of one kind, each 0…1."""

    name: str
    values: Sequence[float]


def lines(title: str, axis: str, labels: Sequence[str], series: Sequence[Series]) -> SafeString:
    """Shares (0…1) over `labels`, which all series share."""
    step = (RIGHT - LEFT) / max(len(labels) - 1, 1)
    curves = format_html_join(
        "",
        '<polyline class="line c{}" points="{}"/>',
        (
            (
                place % COLOURS,
                " ".join(f"{LEFT + n * step:.1f},{_y(v):.1f}" for n, v in enumerate(one.values)),
            )
            for place, one in enumerate(series)
        ),
    )
    marks = [(LEFT + n * step, label) for n, label in enumerate(labels)]
    body = format_html("{}{}{}", _shares(), _below(axis, marks), curves)
    return _figure(title, body, _legend(series, "line"), HEIGHT)


def histogram(
    title: str, axis: str, edges: Sequence[float], series: Sequence[Series]
) -> SafeString:
    """Shares of each series by bins between `edges` (one more than values), as steps."""
    most = max((value for one in series for value in one.values), default=0.0) or 1.0
    wide = (RIGHT - LEFT) / (len(edges) - 1)
    curves = format_html_join(
        "",
        '<polyline class="line c{}" points="{}"/>',
        (
            (place % COLOURS, _steps([value / most for value in one.values], wide))
            for place, one in enumerate(series)
        ),
    )
    every = max((len(edges) - 1) // 5, 1)
    marks = [(LEFT + n * wide, f"{edge:.2f}") for n, edge in enumerate(edges) if n % every == 0]
    body = format_html("{}{}", _below(axis, marks), curves)
    return _figure(title, body, _legend(series, "line"), HEIGHT)


def bars(title: str, labels: Sequence[str], series: Sequence[Series]) -> SafeString:
    """Horizontal bars of shares (0…1): for each label one of each series."""
    row = ROW * len(series) + 10
    height = row * len(labels) + 26
    drawn = []
    for place, label in enumerate(labels):
        top = place * row + 8
        drawn.append(
            format_html(
                '<text x="{}" y="{}" text-anchor="end">{}</text>', NAMES - 8, top + 14, label
            )
        )
        for n, one in enumerate(series):
            long = (WIDTH - NAMES - 60) * one.values[place]
            drawn.append(
                format_html(
                    '<rect class="bar c{}" x="{}" y="{}" width="{}" height="{}"/>'
                    '<text x="{}" y="{}">{}</text>',
                    n % COLOURS,
                    NAMES,
                    top + n * ROW,
                    f"{max(long, 1):.1f}",
                    ROW - 6,
                    f"{NAMES + max(long, 1) + 5:.1f}",
                    top + n * ROW + 12,
                    f"{one.values[place]:.0%}",
                )
            )
    return _figure(
        title, format_html_join("", "{}", ((one,) for one in drawn)), _legend(series, "bar"), height
    )


def _figure(title: str, body: SafeString, legend: SafeString, height: int) -> SafeString:
    return format_html(
        '<figure><figcaption>{}</figcaption><svg viewBox="0 0 {} {}" role="img" '
        'aria-label="{}">{}</svg>{}</figure>',
        title,
        WIDTH,
        height,
        title,
        body,
        legend,
    )


def _legend(series: Sequence[Series], kind: str) -> SafeString:
    entries = format_html_join(
        "",
        '<li><svg viewBox="0 0 30 10" aria-hidden="true">{}</svg>{}</li>',
        ((_sample(place % COLOURS, kind), one.name) for place, one in enumerate(series)),
    )
    return format_html('<ul class="legend">{}</ul>', entries)


def _sample(colour: int, kind: str) -> SafeString:
    if kind == "bar":
        return format_html('<rect class="bar c{}" width="30" height="10"/>', colour)
    return format_html('<polyline class="line c{}" points="0,5 30,5"/>', colour)


def _shares() -> SafeString:
    """Horizontal rules at 0, 25 … 100 %."""
    return format_html_join(
        "",
        '<line class="rule" x1="{}" x2="{}" y1="{}" y2="{}"/>'
        '<text x="{}" y="{}" text-anchor="end">{}</text>',
        (
            (LEFT, RIGHT, _y(share), _y(share), LEFT - 6, _y(share) + 4, f"{share:.0%}")
            for share in (0.0, 0.25, 0.5, 0.75, 1.0)
        ),
    )


def _below(axis: str, marks: Sequence[tuple[float, str]]) -> SafeString:
    """The axis, its labels, and what it is of."""
    texts = format_html_join(
        "",
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        ((f"{x:.1f}", BOTTOM + 16, label) for x, label in marks),
    )
    return format_html(
        '<line class="rule" x1="{}" x2="{}" y1="{}" y2="{}"/>{}'
        '<text x="{}" y="{}" text-anchor="middle">{}</text>',
        LEFT,
        RIGHT,
        BOTTOM,
        BOTTOM,
        texts,
        (LEFT + RIGHT) // 2,
        HEIGHT - 4,
        axis,
    )


def _steps(values: Sequence[float], wide: float) -> str:
    points: list[tuple[float, float]] = [(LEFT, 0.0)]
    for n, value in enumerate(values):
        points += [(LEFT + n * wide, value), (LEFT + (n + 1) * wide, value)]
    points.append((RIGHT, 0.0))
    return " ".join(f"{x:.1f},{_y(value):.1f}" for x, value in points)


def _y(share: float) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * share, 1)
