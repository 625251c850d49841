"""The plots of the first page, and its times in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from matching.calibration import Bin
from raiox_site import plots
from raiox_site.dashboard import Dashboard
from raiox_site.dashboard.agreement import Agreement, Report
from raiox_site.dashboard.desk import MONTH, WEEK, Day, Decisions
from raiox_site.percent import whole
from raiox_site.plots import Plot, Series, Table

SHOWN_MANUFACTURERS = 8


@dataclass(frozen=True)
class Median:
    """How long the middle one of `number` cases took; `took` is empty when there is none."""

    period: str
    number: int
    took: str


def of(board: Dashboard) -> dict[str, Any]:
    """What the template shows beside the numbers of the board themselves."""
    report = board.report
    return {
        "medians": medians(board.decisions) if board.decisions else [],
        "per_day": per_day(board.days),
        "received": sum(day.received for day in board.days),
        "agreement_plots": [by_week(report), by_manufacturer(report)]
        if report and report.total.n
        else [],
        "reliability_plot": by_probability(board.reliability.bins)
        if board.reliability and board.reliability.bins and not board.reliability.missing
        else None,
    }


def medians(decisions: Decisions) -> list[Median]:
    days = _("%(days)d days")
    return [
        Median(_("today"), decisions.today, _duration(decisions.median_today)),
        Median(days % {"days": WEEK}, decisions.week, _duration(decisions.median_week)),
        Median(days % {"days": MONTH}, decisions.month, _duration(decisions.median_month)),
    ]


def per_day(days: Sequence[Day]) -> Plot | None:
    """None when nothing happened."""
    received, decided = sum(day.received for day in days), sum(day.decided for day in days)
    if not received and not decided:
        return None
    return plots.columns(
        "per-day",
        _("Received and decided per day"),
        _("In the last %(days)d days %(received)d cases were received and %(decided)d decided.")
        % {"days": len(days), "received": received, "decided": decided},
        axis=_("day"),
        labels=[_short(day.day) for day in days],
        series=[
            Series(_("cases received"), "plot-a", [day.received for day in days]),
            Series(_("cases decided"), "plot-b", [day.decided for day in days]),
        ],
    )


def by_week(report: Report) -> Plot:
    labels = [_short(week) for week, _counted in report.by_week]
    counted = [counted for _week, counted in report.by_week]
    return plots.lines(
        "by-week",
        _("Agreement by week"),
        _("Share of the fixtures decided in a week, by the Monday on which it began. ")
        + _sentence(report.total),
        labels=labels,
        series=_shares(counted),
        table=_table(_("week of"), labels, counted),
    )


def by_manufacturer(report: Report) -> Plot:
    """The manufacturers approved most often; the table has all of them."""
    names = [name for name, _counted in report.by_manufacturer]
    counted = [counted for _name, counted in report.by_manufacturer]
    shown = slice(SHOWN_MANUFACTURERS)
    return plots.rows(
        "by-manufacturer",
        _("Agreement by manufacturer"),
        _("Share of the fixtures of each manufacturer, the most frequent first."),
        labels=[(name, f"n = {one.n}") for name, one in report.by_manufacturer[shown]],
        series=_shares(counted[shown]),
        table=_table(_("manufacturer"), names, counted),
    )


def by_probability(bins: Sequence[Bin]) -> Plot:
    """Beside each other the probability that was told and how often it came true: alike, where
    it can be relied on (a reliability diagram)."""
    labels = [f"{whole(100 * one.low)}–{whole(100 * one.high)}%" for one in bins]
    predicted = [100 * one.predicted for one in bins]
    observed = [100 * one.observed for one in bins]
    return plots.lines(
        "reliability",
        _("Does the probability hold?"),
        _("%(n)d decisions it was not fitted to, by the probability of the first candidate.")
        % {"n": sum(one.count for one in bins)},
        labels=labels,
        series=[
            Series(_("probability told"), "plot-a", predicted),
            Series(_("first candidate approved"), "plot-b", observed),
        ],
        table=Table(
            [
                _("probability"),
                _("decisions"),
                _("probability told"),
                _("first candidate approved"),
            ],
            [
                [label, str(one.count), f"{whole(told)}%", f"{whole(came)}%"]
                for label, one, told, came in zip(labels, bins, predicted, observed, strict=True)
            ],
        ),
    )


def _sentence(total: Agreement) -> str:
    return _(
        "In all, the first candidate was approved in %(first)s and one of the first three"
        " in %(top)s of %(n)d fixtures."
    ) % {
        "first": _percent(total.first_percent),
        "top": _percent(total.top_percent),
        "n": total.n,
    }


def _shares(counted: Sequence[Agreement]) -> list[Series]:
    return [
        Series(_("the first candidate"), "plot-a", [one.first_share for one in counted]),
        Series(_("one of the first three"), "plot-b", [one.top_share for one in counted]),
    ]


def _table(label: str, labels: Sequence[str], counted: Sequence[Agreement]) -> Table:
    return Table(
        [label, _("fixtures"), _("the first candidate"), _("one of the first three")],
        [
            [name, str(one.n), _percent(one.first_percent), _percent(one.top_percent)]
            for name, one in zip(labels, counted, strict=True)
        ],
    )


def _percent(number: int | None) -> str:
    return "–" if number is None else f"{number}%"


def _duration(took: timedelta | None) -> str:
    """Two units at most: `1 hour, 20 minutes`."""
    if took is None:
        return ""
    if took < timedelta(minutes=1):
        return _("under a minute")
    now = timezone.now()
    return timesince(now - took, now, depth=2 if took < timedelta(days=7) else 1)


def _short(day: date) -> str:
    return date_format(day, "d/m")
