"""The workflow of a run as a diagram, pure: its steps and gates from top to bottom, with the state of the run on them.

A layout library places the boxes and leads the lines around them; here are what the boxes say, and their sizes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias

import fast_sugiyama

from bot.presentation import characters, labels, request_outcome, states
from bot.web import run_page_view
from engine.domain import ReviewPoint, RunStatus, StepStatus, Tone
from engine.read_models import RequestView, RunView, StepView
from engine.workflowfile import Gate, Step, Workflow
from engine.workflowfile.grammar import OTHERWISE
from engine.workflowfile.step_kinds import FORM
from engine.workflowfile.workflow import BranchPath

Kind: TypeAlias = Literal["start", "condition", "gate", "step", "end"]

WIDTH: Final = 200.0
"""Width of a box. With a line beside it, the diagram is as wide as the column of a phone of 360 pixels."""
_BESIDE: Final = 14.0
"""Distance of a line from the edge of the box that it passes."""
_LANE: Final = 16.0
"""Distance of two lines beside each other."""
_LETTER: Final = 7.0
"""Width of a letter beside an arrow, on average."""
_PHONE: Final = 300.0
"""Width of the column on a phone of 360 pixels."""
_GAP: Final = 30.0
"""Height between two rows."""
_MARGIN: Final = 8.0
_LINE: Final = 18.0
_PADDING: Final = 9.0
_LETTERS: Final = 21
"""Letters that fit into a line of a box."""
_TAPER: Final = 2
"""Letters that a box with pointed sides has less room for."""
_LINES: Final = 2
"""Lines of a label; the list below the diagram has all of it."""
_NOT_REACHED: Final = "not reached"
_PAST_GATE: Final = frozenset(StepStatus) - {StepStatus.IN_REVIEW, StepStatus.STOPPED, StepStatus.SKIPPED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One thing in the workflow: `status` says in words how far the run is there."""

    kind: Kind
    label: str
    status: str
    tone: Tone | None = None
    gate: Gate | None = None
    """The gate that it stands for, if it has asked no one yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiagramNode:
    """An element at its place. `x`, `y`: the middle of its upper edge."""

    element: Element
    lines: tuple[str, ...]
    x: float
    y: float
    height: float

    @property
    def left(self) -> float:
        return self.x - WIDTH / 2

    @property
    def baselines(self) -> tuple[float, ...]:
        """Where each line of text stands, the one of the status last."""
        first = self.y + _PADDING + _LINE * 0.75
        return tuple(first + _LINE * number for number in range(len(self.lines) + bool(self.element.status)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrow:
    """A line from one element to the next. `x`, `y`: its tip; `label`: the answer that leads along it."""

    path: str
    x: float
    y: float
    label: str
    label_x: float
    label_y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagram:
    """The picture, and `elements` for the list that says the same in words."""

    width: float
    height: float
    nodes: tuple[DiagramNode, ...]
    arrows: tuple[Arrow, ...]
    elements: tuple[Element, ...]

    @property
    def is_wide(self) -> bool:
        """Whether it is wider than a phone, because paths of a branch stand beside each other."""
        return self.width > _PHONE


def diagram(workflow: Workflow, run: RunView, requests: Sequence[RequestView]) -> Diagram:
    """Return the diagram of a workflow with the state of a run."""
    graph = _Graph()
    _fill(graph, workflow, run, requests)
    return _laid_out(graph)


def plan(workflow: Workflow, asks: Callable[[Gate], str]) -> Diagram:
    """Return the diagram of a workflow without a run. `asks`: who is asked at a gate, in words."""
    graph = _Graph()
    _fill(graph, workflow, None, ())
    for number, element in enumerate(graph.elements):
        first, *more = wrapped(asks(element.gate), _LETTERS - _TAPER) if element.gate is not None else ("",)
        graph.elements[number] = replace(element, status=f"{first}…" if more else first, tone=None)
    return _laid_out(graph)


# -- what the boxes say -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Graph:
    """The elements, and the arrows between them by number, with the answer that leads along each."""

    elements: list[Element] = field(default_factory=list)
    arrows: dict[tuple[int, int], str] = field(default_factory=dict)
    ends: list[tuple[int, str]] = field(default_factory=list)
    """Where the next element hangs on, each with the answer that leads to it."""
    order: set[tuple[int, int]] = field(default_factory=set)
    """Elements that stand below each other although no arrow leads from one to the other."""

    def add(self, element: Element) -> int:
        """Add an element below all open ends."""
        number = len(self.elements)
        self.elements.append(element)
        for end, answer in self.ends:
            self.arrows[end, number] = answer
        self.ends = [(number, "")]
        return number


def _fill(graph: _Graph, workflow: Workflow, run: RunView | None, requests: Sequence[RequestView]) -> None:
    visits = {step.step: step for step in run.steps} if run is not None else {}
    latest = {(each.model.subject.step, each.model.subject.visit, each.at): each for each in requests}
    graph.add(Element(kind="start", label="Start", status="started", tone=Tone.DONE))
    _Drawing(graph, workflow, visits, latest).add(range(len(workflow.steps)))
    done = run is not None and run.status is RunStatus.SUCCEEDED
    words = states.RUNS[RunStatus.SUCCEEDED] if done else _NOT_REACHED
    graph.add(Element(kind="end", label="End", status=words, tone=Tone.DONE if done else None))


@dataclass(slots=True)
class _Drawing:
    """Adds steps to a graph, each branch with its paths beside each other."""

    graph: _Graph
    workflow: Workflow
    visits: Mapping[str, StepView]
    requests: Mapping[tuple[str, int, ReviewPoint], RequestView]

    def add(self, steps: range) -> None:
        """Add steps below all open ends, with the steps inside them."""
        index = steps.start
        while index < steps.stop:
            step = self.workflow.steps[index]
            visit = self.visits.get(step.id)
            if step.paths:
                self._add_branch(step, visit)
            else:
                _add_step(self.graph, step, visit, {at: self._request(visit, at) for at in ReviewPoint})
            index = step.inner.stop

    def _request(self, visit: StepView | None, at: ReviewPoint) -> RequestView | None:
        return None if visit is None else self.requests.get((visit.step, visit.visit, at))

    def _add_branch(self, step: Step, visit: StepView | None) -> None:
        condition = self.graph.add(_condition(step, visit)) if step.when is not None else None
        self.graph.ends = self.graph.ends if condition is None else [(condition, "yes")]
        choice = self.graph.add(_choice(step, visit))
        ends = [] if condition is None else [(condition, "no")]
        paths = _shown_paths(step, visit)
        for path in paths:
            self.graph.ends, first = [(choice, _path_label(path.name))], len(self.graph.elements)
            if path is not paths[0]:
                self.graph.order.add((first - 1, first))
            self.add(path.steps)
            ends += self.graph.ends
        if step.paths[-1].when is not None:
            ends.append((choice, _path_label(OTHERWISE)))
        self.graph.ends = ends


def _shown_paths(step: Step, visit: StepView | None) -> Sequence[BranchPath]:
    """Return the paths to draw: of rules, of which there may be many, only the one that applies, once that is known."""
    taken = [path for path in step.paths if path.name == _taken(visit)]
    return taken if taken and any(path.rule for path in step.paths) else step.paths


def _taken(visit: StepView | None) -> str:
    return str((visit.output or {}).get("path", "")) if visit is not None else ""


def _path_label(name: str) -> str:
    """Return the name of a path as it stands on its arrow; the list in words has all of it."""
    first, *rest = wrapped(labels.in_words(name), _LETTERS - 4)
    return f"{first}…" if rest else first


def _choice(step: Step, visit: StepView | None) -> Element:
    """Return the box of a branch. Once a path was taken, it says which."""
    label = characters.line(step.label)
    if visit is None or visit.status is not StepStatus.SUCCEEDED:
        return replace(_box(label, visit), kind="condition")
    taken = _taken(visit)
    rules = [path.name for path in step.paths if path.rule is not None]
    words = f"{labels.in_words(taken)} of {len(rules)}" if taken in rules else labels.in_words(taken)
    return Element(kind="condition", label=label, status=words, tone=Tone.DONE)


def _add_step(
    graph: _Graph, step: Step, visit: StepView | None, requests: Mapping[ReviewPoint, RequestView | None]
) -> None:
    condition = graph.add(_condition(step, visit)) if step.when is not None else None
    graph.ends = graph.ends if condition is None else [(condition, "yes")]
    gate, label = step.gate, characters.line(step.label)
    if step.kind.name == FORM and gate is not None:
        graph.add(_gate(label, gate, visit, requests[ReviewPoint.BEFORE]))
    else:
        if gate is not None and gate.at is ReviewPoint.BEFORE:
            graph.add(_gate(_asks("Approval", gate), gate, visit, requests[ReviewPoint.BEFORE]))
        graph.add(_box(label, visit))
        if (failure := requests[ReviewPoint.FAILED]) is not None:
            graph.add(_asked("What to do about the failure", failure))
        if gate is not None and gate.at is ReviewPoint.AFTER:
            graph.add(_gate(_asks("Approval of the result", gate), gate, visit, requests[ReviewPoint.AFTER]))
    if condition is not None:
        graph.ends.append((condition, "no"))


def _asks(label: str, gate: Gate) -> str:
    return label if gate.when is None else f"{label}, if needed"


def _condition(step: Step, visit: StepView | None) -> Element:
    label = f"Is “{characters.line(step.label)}” needed?"
    if visit is None:
        return Element(kind="condition", label=label, status=_NOT_REACHED)
    answer = "not needed" if visit.status is StepStatus.SKIPPED else "needed"
    return Element(kind="condition", label=label, status=answer, tone=Tone.DONE)


def _box(label: str, visit: StepView | None) -> Element:
    """Return the box of a step. While a gate before it waits, the step was not started."""
    if visit is None or visit.status is StepStatus.IN_REVIEW:
        return Element(kind="step", label=label, status=_NOT_REACHED)
    status = StepStatus.SUCCEEDED if visit.status is StepStatus.OUTPUT_IN_REVIEW else visit.status
    return Element(kind="step", label=label, status=states.STEPS[status], tone=run_page_view.tone(status))


def _gate(label: str, gate: Gate, visit: StepView | None, request: RequestView | None) -> Element:
    if request is not None:
        return _asked(label, request)
    return Element(kind="gate", label=label, status=_unasked(gate, visit), gate=gate)


def _asked(label: str, request: RequestView) -> Element:
    return Element(kind="gate", label=label, status=request_outcome.state(request), tone=request_outcome.tone(request))


def _unasked(gate: Gate, visit: StepView | None) -> str:
    """Return how far the run is at a gate that has asked no one in this visit."""
    if visit is None or visit.status not in _PAST_GATE:
        return _NOT_REACHED
    was_passed = visit.attempt > 0 or visit.status is StepStatus.SUCCEEDED
    if gate.at is ReviewPoint.AFTER:
        was_passed = visit.status is StepStatus.SUCCEEDED
    return "not needed" if was_passed else _NOT_REACHED


# -- where they stand ---------------------------------------------------------------------------------------


def _laid_out(graph: _Graph) -> Diagram:
    """Place the elements in one column, and lead the arrows between them and beside it."""
    edges = [*{**graph.arrows, **dict.fromkeys(graph.order)}]
    # Numbers, not names: the library orders names differently in each process.
    ((positions, _, __, lines),) = fast_sugiyama.from_edges(
        edges, vertex_spacing=1, dummy_vertices=True, dummy_size=1.0, ranking_type="down"
    )
    rows = _rows(positions)
    heights = [max(_height(graph, number) for number in row) for row in rows]
    tops, xs = _tops(heights), _columns(graph, rows)
    left, right = min(xs.values()) - _MARGIN, max(xs.values()) + _MARGIN
    left, right = min(left, -WIDTH / 2 - _MARGIN), max(right, WIDTH / 2 + _MARGIN)
    at = {number: (xs[number] - left, tops[y], heights[y]) for y, row in enumerate(rows) for number in row}
    nodes = tuple(_node(element, at[number]) for number, element in enumerate(graph.elements))
    routes = _routes(len(graph.elements), [(int(start), int(end)) for start, end in lines or ()])
    arrows = [(route, graph.arrows.get((route[0], route[-1]))) for route in routes]
    return Diagram(
        width=round(right - left, 1),
        height=round(tops[-1] + heights[-1] + _MARGIN, 1),
        nodes=nodes,
        arrows=tuple(
            _arrow(route, nodes, at, label, begins_path=(route[-1] - 1, route[-1]) in graph.order)
            for route, label in arrows
            if label is not None
        ),
        elements=tuple(graph.elements),
    )


def _rows(positions: Iterable[tuple[int | str, tuple[float, float]]]) -> list[list[int]]:
    """Return what stands in each row, from top to bottom and from left to right."""
    rows: dict[float, list[tuple[float, int]]] = {}
    for number, (x, y) in positions:
        rows.setdefault(float(y), []).append((float(x), int(number)))
    return [[number for _, number in sorted(rows[y])] for y in sorted(rows, reverse=True)]


def _columns(graph: _Graph, rows: Sequence[Sequence[int]]) -> dict[int, float]:
    """Return where each thing stands from left to right: elements in the middle, lines that pass by beside them."""
    xs: dict[int, float] = {}
    for row in rows:
        middle = next(place for place, number in enumerate(row) if number < len(graph.elements))
        for place, number in enumerate(row):
            side = (place > middle) - (place < middle)
            xs[number] = side * (WIDTH / 2 + _BESIDE + _LANE * (abs(place - middle) - 1))
    return xs


def _tops(heights: Sequence[float]) -> list[float]:
    tops, top = list[float](), _MARGIN
    for height in heights:
        tops.append(top)
        top += height + _GAP
    return tops


def _height(graph: _Graph, number: int) -> float:
    if number >= len(graph.elements):
        return 0.0
    element = graph.elements[number]
    return _PADDING * 2 + _LINE * (len(_lines(element)) + bool(element.status))


def _node(element: Element, at: tuple[float, float, float]) -> DiagramNode:
    x, y, height = at
    return DiagramNode(element=element, lines=_lines(element), x=round(x, 1), y=y, height=height)


def _routes(count: int, lines: Sequence[tuple[int, int]]) -> Iterator[tuple[int, ...]]:
    """Yield the way of each arrow: from an element, past the places where it only passes by, to an element."""
    after: dict[int, list[int]] = {}
    for start, end in lines:
        after.setdefault(start, []).append(end)
    for start in range(count):
        for first in after.get(start, ()):
            route = [start, first]
            while route[-1] >= count:
                route.extend(after[route[-1]])
            yield tuple(route)


def _arrow(
    route: Sequence[int],
    nodes: Sequence[DiagramNode],
    at: Mapping[int, tuple[float, float, float]],
    label: str,
    *,
    begins_path: bool,
) -> Arrow:
    start, end = nodes[route[0]], nodes[route[-1]]
    x, y = start.x, start.y + start.height
    path = [f"M{x:g} {y:g}"]
    for number in route[1:]:
        to_x, to_y, height = at[number]
        middle = to_y - _GAP / 2
        path.append(f"L{x:g} {to_y - _GAP:g}C{x:g} {middle:g} {to_x:g} {middle:g} {to_x:g} {to_y:g}")
        x = to_x
        if number >= len(nodes):
            path.append(f"L{x:g} {to_y + height:g}")
    label_x, label_y = _label_place(route, nodes, [at[number][0] for number in route], label, begins_path=begins_path)
    return Arrow(
        path="".join(path), x=end.x, y=end.y, label=label, label_x=round(label_x, 1), label_y=round(label_y, 1)
    )


def _label_place(
    route: Sequence[int], nodes: Sequence[DiagramNode], xs: Sequence[float], label: str, *, begins_path: bool
) -> tuple[float, float]:
    """Return the middle of a label: where its line begins, or above the first step of a path beside others."""
    start, end, half = nodes[route[0]], nodes[route[-1]], len(label) * _LETTER / 2
    below = start.y + start.height + _GAP / 2 + 4
    if len(route) == 2:
        return start.x + 8 + half, below
    comes_from_left = xs[-2] < end.x
    if not begins_path:
        return (xs[1] + start.x) / 2, below
    return end.x + (8 + half if comes_from_left else -8 - half), end.y - _GAP / 2 + 4


# -- text ---------------------------------------------------------------------------------------------------


def _lines(element: Element) -> tuple[str, ...]:
    return wrapped(element.label, _LETTERS - (_TAPER if element.kind in ("gate", "condition") else 0))


def wrapped(text: str, letters: int) -> tuple[str, ...]:
    """Return a text in lines of so many letters. What is too long ends with "…"."""
    lines, rest = list[str](), text.strip()
    while rest and len(lines) < _LINES:
        size = _fitting(rest, letters)
        if size < len(rest) and len(lines) == _LINES - 1:
            return (*lines, f"{rest[: _fitting(rest, letters - 1)].rstrip()}…")
        space = rest.rfind(" ", 1, size + 1) if size < len(rest) else -1
        size = space if space > size // 2 else size
        lines.append(rest[:size].rstrip())
        rest = rest[size:].lstrip()
    return tuple(lines)


def _fitting(text: str, letters: int) -> int:
    """Return how much of a text fits into a line. It never ends within a character."""
    room = letters
    for index, letter in enumerate(text):
        room -= 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        if room < 0:
            return max(1, characters.boundary(text, index))
    return len(text)
