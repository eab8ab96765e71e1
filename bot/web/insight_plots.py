"""Plots of insights as SVG: pygal places the marks, our style sheet colours them, and no script is in them. Pure.

The table beside each plot has the same numbers, so a plot is one image with a name for those who cannot see it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from xml.etree import ElementTree

from markupsafe import Markup

from bot.presentation.insight_report import FEW, LISTED, deadline_name, field_name, hour_name, reminder_name, time_name
from engine.insights import Insights
from engine.oversight.grouped_times import GroupedTimes, WaitingShare
from engine.oversight.time_buckets import BOUNDS

_WIDTH: Final = 480
_HEIGHT: Final = 280
_FONT: Final = 12
_HOUR: Final = 3600
_UNUSED: Final = frozenset({"tooltip-overlay", "text-overlay", "titles"})
"""Groups that only a script would show."""


@dataclass(frozen=True, slots=True)
class Series:
    """Values in percent, one for each label; None: too few to say."""

    name: str
    values: tuple[float | None, ...]


def plots(insights: Insights) -> Mapping[str, Markup]:
    """Return the plots by the name of their table; none where there is too little to show."""
    drawn = {
        "waiting": _waiting(insights.times),
        "hours": _hours(insights),
        "deadlines": _by_group(insights.by_deadline, deadline_name, _BY_DEADLINE),
        "reminders": _by_group(insights.by_reminder, reminder_name, _BY_REMINDER),
        "fields": _fields(insights),
    }
    return {name: plot for name, plot in drawn.items() if plot is not None}


def _waiting(times: GroupedTimes) -> Markup | None:
    points = [point for point in times.waiting() if point.at_risk] if times.requests >= FEW else []
    if len(points) < 2:
        return None
    series = [
        Series("Decided", tuple(_percent(1 - point.share) for point in points)),
        Series("At least (95%)", tuple(_percent(1 - point.high) for point in points)),
        Series("At most (95%)", tuple(_percent(1 - point.low) for point in points)),
    ]
    names = [time_name(BOUNDS.index(point.seconds)) for point in points]
    return _draw("Line", "The share of requests that is decided after a time", names, series)


def _hours(insights: Insights) -> Markup | None:
    values = [_within_an_hour(times) for times in insights.by_hour.values()]
    if all(value is None for value in values):
        return None
    names = [hour_name(minutes) for minutes in insights.by_hour]
    title = "The share of requests that is decided within an hour, by the hour of the day at which they opened"
    return _draw("Bar", title, names, [Series("Decided within 1 hour", tuple(values))])


def _within_an_hour(times: GroupedTimes) -> float | None:
    return None if times.requests < FEW else _percent(1 - times.waiting()[BOUNDS.index(_HOUR)].share)


_BY_DEADLINE: Final = "The share of requests that is decided after a time, by the time until they expire"
_BY_REMINDER: Final = "The share of requests that is decided after each reminder"


def _by_group(groups: Mapping[int, GroupedTimes], name: Callable[[int], str], title: str) -> Markup | None:
    """Return a line for each group of requests that is large enough."""
    shown = {number: times.waiting() for number, times in groups.items() if times.requests >= FEW}
    if not shown:
        return None
    last = max(sum(point.at_risk > 0 for point in points) for points in shown.values())
    series = [
        Series(name(number).capitalize(), tuple(map(_decided, points[:last]))) for number, points in shown.items()
    ]
    return _draw("Line", title, [time_name(at) for at in range(last)], series)


def _decided(point: WaitingShare) -> float | None:
    return _percent(1 - point.share) if point.at_risk else None


def _fields(insights: Insights) -> Markup | None:
    fields = [field for field in insights.fields[:LISTED] if field.approved >= FEW]
    if not fields:
        return None
    values = tuple(_percent(field.edits / field.approved) for field in fields)
    names = [field_name(field.field) for field in fields]
    title = "The share of approved requests in which a field was changed"
    return _draw("HorizontalBar", title, names, [Series("Changed", values)])


def _percent(share: float) -> float:
    return round(share * 100, 1)


# -- drawing ------------------------------------------------------------------------------------------------------


@lru_cache(1)
def _library() -> Any:
    """Return the library. It is imported by the first plot: a server that shows none never loads it."""
    import pygal

    # The library asks Python to look for its plug-ins at every import of any module, by an interface that is gone.
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != pygal.__name__]
    return pygal


def _draw(kind: str, title: str, labels: Sequence[str], series: Sequence[Series]) -> Markup:
    pygal = _library()
    style = pygal.style.Style(label_font_size=_FONT, major_label_font_size=_FONT, legend_font_size=_FONT)
    chart = getattr(pygal, kind)(
        style=style,
        css=[],
        js=[],
        width=_WIDTH,
        height=_HEIGHT,
        range=(0, 100),
        y_labels=[0, 25, 50, 75, 100],
        value_formatter=_axis,
        show_legend=len(series) > 1,
        legend_at_bottom=True,
        legend_at_bottom_columns=min(len(series), 2),
        dots_size=3,
        truncate_label=-1,
        truncate_legend=-1,
    )
    chart.x_labels = list(labels)
    if kind != "HorizontalBar":
        chart.x_labels_major = list(labels[:: max(len(labels) // 4, 1)])
        chart.show_minor_x_labels = False
    for line in series:
        chart.add(line.name, list(line.values))
    return _cleaned(chart.render_tree(), title)


def _axis(value: float) -> str:
    return f"{value:.0f}%"


def _cleaned(svg: ElementTree.Element, title: str) -> Markup:
    """Return the picture without styles and scripts, which our pages do not allow, and with a name."""
    for parent in [*svg.iter()]:
        for child in [*parent]:
            if _is_unused(child):
                parent.remove(child)
    svg.attrib.pop("id", None)
    svg.attrib.update({"class": "plot", "role": "img", "aria-label": title})
    return Markup(ElementTree.tostring(svg, encoding="unicode"))  # noqa: S704 the library escapes its texts


def _is_unused(element: ElementTree.Element) -> bool:
    tag = element.tag
    if not isinstance(tag, str) or tag.rpartition("}")[2] in ("defs", "desc", "title"):
        return True
    return not _UNUSED.isdisjoint(element.get("class", "").split())
