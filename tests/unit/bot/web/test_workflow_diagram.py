"""The diagram of a workflow: what its boxes say, and that they stand beside each other for any workflow."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.web import workflow_diagram
from bot.web.workflow_diagram import WIDTH, Diagram, wrapped
from engine import workflowfile
from engine.domain import RequestState, ReviewPoint, RunStatus, StepStatus
from engine.read_models import RequestView, StepView
from engine.steps import registry
from engine.workflowfile import Workflow
from tests.support import samples
from tests.support.copies import replace_fields

PHONE: Final = 296.0
"""Width of the column on a phone of 360 pixels."""


def workflow(*steps: str) -> Workflow:
    """Return a workflow. The letters of a step: w for a condition, b or a for a gate before or after, c for a gate with
    a condition, f for a form."""
    lines = ["name: flow", "owner: sam@example.com", "inputs: {on: {type: boolean, default: true}}", "steps:"]
    for number, keys in enumerate(steps):
        lines.append(f"  - id: s{number}")
        lines.append("    uses: form" if "f" in keys else "    uses: set")
        lines.append("    fields: {word: text}" if "f" in keys else "    with: {text: x}")
        if "f" in keys:
            lines.append("    approvers: [lee@example.com]")
        if "w" in keys:
            lines.append('    when: "{{ inputs.on }}"')
        gate = ["approvers: [lee@example.com]"]
        gate += ["at: after"] if "a" in keys else []
        gate += ['when: "{{ inputs.on }}"'] if "c" in keys else []
        if {*keys} & {*"abc"} and "f" not in keys:
            lines.append(f"    gate: {{{', '.join(gate)}}}")
    source = "\n".join([*lines, ""]).encode()
    return workflowfile.load(source, kinds=registry.builtin())


def visit(step: str, status: StepStatus, **changes: Any) -> StepView:
    facts: dict[str, Any] = {
        "step": step,
        "label": step,
        "visit": 1,
        "status": status,
        "attempt": 0,
        "params": None,
        "output": None,
        "error": None,
        "wakes_at": None,
        "started_at": samples.NOW,
        "ended_at": None,
        **changes,
    }
    return StepView(**facts)


def request(step: str, state: RequestState, *, at: ReviewPoint = ReviewPoint.BEFORE, number: int = 1) -> RequestView:
    view = samples.request()
    subject = replace_fields(view.model.subject, step=step, visit=number, at=at)
    return replace_fields(view, model=replace_fields(view.model, subject=subject, state=state))


def drawn(
    flow: Workflow, *visits: StepView, requests: tuple[RequestView, ...] = (), status: RunStatus = RunStatus.RUNNING
) -> list[str]:
    """Return what the boxes say."""
    diagram = workflow_diagram.diagram(flow, samples.run(status=status, steps=visits), requests)
    return [f"{element.label}: {element.status}" for element in diagram.elements]


# -- what the boxes say -------------------------------------------------------------------------------------


def test_a_run_that_has_not_begun_has_reached_nothing() -> None:
    assert drawn(workflow("wb", "a")) == [
        "Start: started",
        "Is “S0” needed?: not reached",
        "Approval: not reached",
        "S0: not reached",
        "S1: not reached",
        "Approval of the result: not reached",
        "End: not reached",
    ]


@pytest.mark.parametrize(
    ("keys", "step", "asked", "said"),
    [
        ("b", visit("s0", StepStatus.IN_REVIEW), RequestState.PENDING, ["Approval: waiting", "S0: not reached"]),
        ("b", visit("s0", StepStatus.STOPPED), RequestState.REJECTED, ["Approval: rejected", "S0: not run"]),
        ("b", visit("s0", StepStatus.STARTED), RequestState.APPROVED, ["Approval: approved", "S0: running"]),
        ("c", visit("s0", StepStatus.SUCCEEDED), None, ["Approval, if needed: not needed", "S0: done"]),
        ("c", visit("s0", StepStatus.FAILED), None, ["Approval, if needed: not reached", "S0: failed"]),
        ("c", visit("s0", StepStatus.FAILED, attempt=1), None, ["Approval, if needed: not needed", "S0: failed"]),
        ("w", visit("s0", StepStatus.SKIPPED), None, ["Is “S0” needed?: not needed", "S0: skipped"]),
        ("w", visit("s0", StepStatus.SUCCEEDED), None, ["Is “S0” needed?: needed", "S0: done"]),
        ("f", visit("s0", StepStatus.IN_REVIEW), RequestState.PENDING, ["S0: waiting"]),
    ],
)
def test_the_boxes_say_how_far_the_run_is(
    keys: str, step: StepView, asked: RequestState | None, said: list[str]
) -> None:
    requests = () if asked is None else (request("s0", asked),)
    assert drawn(workflow(keys), step, requests=requests)[1:-1] == said


def test_a_gate_after_a_step_waits_for_its_result() -> None:
    flow, asked = workflow("a"), request("s0", RequestState.PENDING, at=ReviewPoint.AFTER)
    reviewed = drawn(flow, visit("s0", StepStatus.OUTPUT_IN_REVIEW), requests=(asked,))
    assert reviewed[1:3] == ["S0: done", "Approval of the result: waiting"]
    running = drawn(flow, visit("s0", StepStatus.STARTED, attempt=1))
    assert running[1:3] == ["S0: running", "Approval of the result: not reached"]
    done = drawn(workflow("ac"), visit("s0", StepStatus.SUCCEEDED), status=RunStatus.SUCCEEDED)
    assert done[1:] == ["S0: done", "Approval of the result, if needed: not needed", "End: done"]


def test_only_the_latest_visit_of_a_step_counts() -> None:
    visits = [visit("s0", StepStatus.FAILED, attempt=1), visit("s0", StepStatus.IN_REVIEW, visit=2)]
    requests = (request("s0", RequestState.APPROVED), request("s0", RequestState.PENDING, number=2))
    assert drawn(workflow("b"), *visits, requests=requests)[1:3] == ["Approval: waiting", "S0: not reached"]


def rules(count: int) -> Workflow:
    lines = ["name: approvals", "owner: sam@example.com", "rules:"]
    lines += [f"  - {{tool: tool{number}, gate: {{approvers: [lee@example.com]}}}}" for number in range(count)]
    return workflowfile.load("\n".join([*lines, ""]).encode(), kinds=registry.builtin())


@given(st.integers(1, 90), st.data())
def test_of_rules_only_the_one_that_applies_is_drawn_so_that_many_fit_on_a_phone(
    count: int, data: st.DataObject
) -> None:
    number = data.draw(st.integers(1, count))
    flow, chosen = rules(count), visit("rules", StepStatus.SUCCEEDED, output={"path": f"rule_{number}"})
    asked = request(f"rule_{number}", RequestState.PENDING)
    waiting = visit(f"rule_{number}", StepStatus.IN_REVIEW)
    assert drawn(flow, chosen, waiting, requests=(asked,)) == [
        "Start: started",
        f"Rules: Rule {number} of {count}",
        "Approval: waiting",
        f"tool{number - 1}: not reached",
        "End: not reached",
    ]
    assert workflow_diagram.diagram(flow, samples.run(steps=(chosen, waiting)), ()).width <= PHONE


def test_an_ask_that_no_rule_matches_and_one_that_has_not_come_to_the_rules() -> None:
    none = visit("rules", StepStatus.SUCCEEDED, output={"path": "no_rule"})
    refused = visit("no_rule", StepStatus.STOPPED)
    assert drawn(rules(2), none, refused, status=RunStatus.REJECTED)[1:-1] == ["Rules: No rule", "No rule: not run"]
    assert drawn(rules(2))[1] == "Rules: not reached"
    assert len(drawn(rules(2))) == 8


# -- where they stand ---------------------------------------------------------------------------------------


@given(st.lists(st.sampled_from(["", "w", "b", "wb", "a", "wa", "wbc", "f", "wf"]), min_size=1, max_size=12))
def test_boxes_never_cover_each_other_and_fit_on_a_phone(steps: list[str]) -> None:
    flow = workflow(*steps)
    diagram = workflow_diagram.diagram(flow, samples.run(), ())
    assert len(diagram.nodes) == len(diagram.elements)
    assert diagram.width <= PHONE
    for node in diagram.nodes:
        assert node.left > 0
        assert node.left + WIDTH < diagram.width
        assert node.y > 0
        assert node.y + node.height < diagram.height
        assert node.y < node.baselines[0]
        assert node.baselines[-1] < node.y + node.height
        assert len(node.baselines) == len(node.lines) + 1
    for one, other in combinations(diagram.nodes, 2):
        assert one.y + one.height < other.y or other.y + other.height < one.y, "each row has one box"
    conditions = sum("w" in keys for keys in steps)
    assert len(diagram.arrows) == len(diagram.nodes) - 1 + conditions
    assert sorted(arrow.label for arrow in diagram.arrows if arrow.label) == ["no"] * conditions + ["yes"] * conditions
    assert workflow_diagram.diagram(flow, samples.run(), ()) == diagram
    check_lines(diagram)


def check_lines(diagram: Diagram) -> None:
    """Fail if a line passes through a box: at the height of a box, it stands still beside it."""
    for arrow in diagram.arrows:
        for part in arrow.path.split("C")[0:]:
            for piece in part.split("L")[1:]:
                x = float(piece.split()[0])
                y = float(piece.split()[1])
                inside = [node for node in diagram.nodes if node.y < y < node.y + node.height]
                assert all(not node.left < x < node.left + WIDTH for node in inside)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("Pay", ("Pay",)),
        ("Pay the rent of the house", ("Pay the rent of the", "house")),
        ("Pay the rent of the house in Bonn and more", ("Pay the rent of the", "house in Bonn and m…")),
        ("x" * 60, ("x" * 20, f"{'x' * 19}…")),
        ("支払い" * 10, ("支払い支払い支払い支", "払い支払い支払い支…")),
        ("", ()),
    ],
)
def test_a_label_is_cut_into_lines(text: str, lines: tuple[str, ...]) -> None:
    assert wrapped(text, 20) == lines


@given(st.text(max_size=80), st.integers(5, 30))
def test_lines_are_short_and_lose_nothing_but_the_end(text: str, letters: int) -> None:
    lines = wrapped(text, letters)
    assert len(lines) <= 2
    joined = "".join("".join(lines).removesuffix("…").split())
    assert "".join(text.split()).startswith(joined) or not joined


# -- branches -----------------------------------------------------------------------------------------------


def branched(paths: int, *, otherwise: bool, depth: int = 0) -> Workflow:
    """Return a workflow with a branch of so many paths, the first of which has `depth` branches inside each other."""
    inner = '[{id: leaf, uses: set, with: {x: 1}, when: "{{ inputs.on }}"}]'
    for level in range(depth):
        inner = f'[{{id: d{level}, uses: branch, paths: {{p: {{when: "{{{{ inputs.on }}}}", steps: {inner}}}}}}}]'
    rest = (
        "[{id: %s, uses: set, with: {x: 1}, gate: {approvers: [lee@example.com]}}, {id: %s, uses: set, with: {x: 1}}]"
    )
    steps = [inner, *(rest % (f"a{number}", f"b{number}") for number in range(1, paths))]
    lines = ["name: flow", "owner: sam@example.com", "inputs: {on: {type: boolean, default: true}}", "steps:"]
    lines += ["  - id: size", "    uses: branch", "    paths:"]
    lines += [
        f'      path_{number}: {{when: "{{{{ inputs.on }}}}", steps: {path}}}' for number, path in enumerate(steps)
    ]
    lines += ["    otherwise: [{id: rest, uses: set, with: {x: 1}}]"] if otherwise else []
    lines += ["  - {id: last, uses: set, with: {x: 1}}", ""]
    return workflowfile.load("\n".join(lines).encode(), kinds=registry.builtin())


def test_a_branch_says_which_path_was_taken() -> None:
    flow = branched(2, otherwise=True)
    taken = visit("size", StepStatus.SUCCEEDED, output={"path": "path_1"})
    assert drawn(flow)[1] == "Size: not reached"
    assert drawn(flow, taken)[1] == "Size: Path 1"
    assert drawn(flow, visit("size", StepStatus.FAILED))[1] == "Size: failed"
    diagram = workflow_diagram.diagram(flow, samples.run(), ())
    assert sorted(arrow.label for arrow in diagram.arrows if arrow.label) == [
        "Otherwise",
        "Path 0",
        "Path 1",
        "no",
        "yes",
    ]
    without = workflow_diagram.diagram(branched(1, otherwise=False), samples.run(), ())
    assert sorted(arrow.label for arrow in without.arrows if arrow.label) == ["Otherwise", "Path 0", "no", "yes"]


@given(st.integers(1, 5), st.booleans(), st.integers(0, 3))
def test_paths_stand_below_each_other_with_their_lines_beside_them(paths: int, otherwise: bool, depth: int) -> None:
    diagram = workflow_diagram.diagram(branched(paths, otherwise=otherwise, depth=depth), samples.run(), ())
    assert len(diagram.nodes) == len(diagram.elements)
    for node in diagram.nodes:
        assert node.left > 0
        assert node.left + WIDTH < diagram.width
    for one, other in combinations(diagram.nodes, 2):
        assert one.y + one.height < other.y or other.y + other.height < one.y, "each row has one box"
    check_lines(diagram)
    assert len(diagram.arrows) == len({arrow.path for arrow in diagram.arrows})
