"""Small plots as SVG, drawn here and written by `admin/dashboard/_plot.html`.

Sizes are in units of the drawing, `WIDTH` wide. Coordinates are text: a template would write
numbers with a decimal comma. Each plot carries its numbers as a table, and is read by it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from raiox_site.percent import whole

WIDTH = 400
LEFT, RIGHT, TOP, BOTTOM = 42, 386, 10, 138
HEIGHT = 160
LABELS = 6
NAMES, ROW, BAR = 118, 34, 10


@dataclass(frozen=True)
class Series:
    """`css` is the class that colours it; a value of None is a gap, not a zero."""

    name: str
    css: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Table:
    head: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Bar:
    x: str
    y: str
    width: str
    height: str
    css: str


@dataclass(frozen=True)
class Line:
    points: str
    css: str


@dataclass(frozen=True)
class Dot:
    x: str
    y: str
    css: str


@dataclass(frozen=True)
class Text:
    """`anchor` says which end of the text stands at x."""

    x: str
    y: str
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Plot:
    """`name` is unique on its page; `description` says in a sentence what the plot shows."""

    name: str
    title: str
    description: str
    table: Table
    series: Sequence[Series]
    height: int = HEIGHT
    rules: Sequence[str] = ()
    bars: Sequence[Bar] = ()
    lines: Sequence[Line] = ()
    dots: Sequence[Dot] = ()
    texts: Sequence[Text] = ()

    @property
    def view_box(self) -> str:
        return f"0 0 {WIDTH} {self.height}"


@dataclass(frozen=True)
class _Scale:
    """Values from 0 to `top` on the height of a plot."""

    top: float
    unit: str = ""

    def y(self, value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * value / self.top

    @property
    def ticks(self) -> list[float]:
        return [0, self.top / 2, self.top]

    @property
    def texts(self) -> list[Text]:
        return [
            Text(_number(LEFT - 6), _number(self.y(tick) + 4), f"{tick:.0f}{self.unit}", "end")
            for tick in self.ticks
        ]

    @property
    def rules(self) -> list[str]:
        return [_number(self.y(tick)) for tick in self.ticks]


def columns(
    name: str,
    title: str,
    description: str,
    *,
    axis: str,
    labels: Sequence[str],
    series: Sequence[Series],
) -> Plot:
    """Columns side by side for each label, for counts; `axis` says what a label is."""
    scale = _Scale(_ceiling([value or 0 for one in series for value in one.values]))
    step = (RIGHT - LEFT) / max(len(labels), 1)
    width = step * 0.8 / max(len(series), 1)
    bars = [
        Bar(
            _number(LEFT + step * (place + 0.1) + width * number),
            _number(scale.y(value)),
            _number(width),
            _number(BOTTOM - scale.y(value)),
            one.css,
        )
        for number, one in enumerate(series)
        for place, value in enumerate(one.values)
        if value
    ]
    return Plot(
        name,
        title,
        description,
        _table(axis, labels, series),
        series,
        rules=scale.rules,
        bars=bars,
        texts=[*scale.texts, *_label_texts(labels, LEFT + step / 2, step)],
    )


def lines(
    name: str,
    title: str,
    description: str,
    *,
    labels: Sequence[str],
    series: Sequence[Series],
    table: Table,
) -> Plot:
    """Shares of 0…100 per cent over time; a line is broken where there is no value."""
    scale = _Scale(100, "%")
    step = (RIGHT - LEFT) / max(len(labels), 1)
    places = [LEFT + step * (place + 0.5) for place in range(len(labels))]
    runs = [(one.css, run) for one in series for run in _runs(places, one.values, scale)]
    return Plot(
        name,
        title,
        description,
        table,
        series,
        rules=scale.rules,
        lines=[Line(" ".join(f"{x},{y}" for x, y in run), css) for css, run in runs],
        dots=[Dot(x, y, css) for css, run in runs for x, y in run],
        texts=[*scale.texts, *_label_texts(labels, LEFT + step / 2, step)],
    )


def rows(
    name: str,
    title: str,
    description: str,
    *,
    labels: Sequence[tuple[str, str]],
    series: Sequence[Series],
    table: Table,
) -> Plot:
    """Shares of 0…100 per cent as bars from the left; a row for each label, of two lines."""
    bars: list[Bar] = []
    texts: list[Text] = []
    for place, (label, note) in enumerate(labels):
        texts.append(Text("0", _number(place * ROW + 13), _cut(label, 18), "start"))
        texts.append(Text("0", _number(place * ROW + 26), note, "start"))
        for number, one in enumerate(series):
            value, y = one.values[place] or 0, place * ROW + 3 + number * (BAR + 3)
            width = (RIGHT - 30 - NAMES) * value / 100
            bars.append(Bar(_number(NAMES), _number(y), _number(width), _number(BAR), one.css))
            texts.append(
                Text(_number(NAMES + width + 5), _number(y + 9), f"{whole(value)}%", "start")
            )
    height = max(len(labels), 1) * ROW
    return Plot(name, title, description, table, series, height=height, bars=bars, texts=texts)


def _table(axis: str, labels: Sequence[str], series: Sequence[Series]) -> Table:
    head = [axis, *(one.name for one in series)]
    cells = zip(labels, *(one.values for one in series), strict=True)
    return Table(head, [[str(cell) for cell in row] for row in cells])


def _runs(
    places: Sequence[float], values: Sequence[float | None], scale: _Scale
) -> Iterator[list[tuple[str, str]]]:
    points = zip(places, values, strict=True)
    for is_there, run in groupby(points, key=lambda point: point[1] is not None):
        if is_there:
            yield [(_number(x), _number(scale.y(value or 0))) for x, value in run]


def _label_texts(labels: Sequence[str], first: float, step: float) -> list[Text]:
    """As many labels as fit, the last among them."""
    every = -(-len(labels) // LABELS) or 1
    offset = (len(labels) - 1) % every
    return [
        Text(_number(first + step * place), _number(BOTTOM + 16), label)
        for place, label in enumerate(labels)
        if place % every == offset
    ]


def _ceiling(values: Sequence[float]) -> float:
    """The least of 2, 4, 6, 10, 20, 40 … that holds every value: its half is whole."""
    highest, power = max(values, default=0), 1
    while True:
        for step in (2, 4, 6, 10):
            if step * power >= highest:
                return step * power
        power *= 10


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
