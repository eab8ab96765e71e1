"""Branches in a workflow file: how their steps are read, and each mistake with what to do about it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.workflowfile import Workflow
from engine.workflowfile.grammar import MAX_DEPTH, MAX_STEPS
from tests.support.workflow_files import load_workflow, problems_of

TREE = """
name: a
inputs: {amount: number}
steps:
  - {id: first, uses: set, with: {x: 1}}
  - id: size
    uses: branch
    paths:
      large:
        when: "{{ inputs.amount > 100 }}"
        steps:
          - {id: large_one, uses: set, with: {x: 1}}
          - id: deep
            uses: branch
            paths:
              huge: {when: "{{ inputs.amount > 900 }}", steps: [{id: huge_one, uses: set, with: {x: 1}}]}
    otherwise:
      - {id: small_one, uses: set, with: {x: 1}}
      - {id: small_two, uses: set, with: {x: 1}}
  - {id: last, uses: set, with: {x: "{{ steps.size.path }}"}}
"""


def following(workflow: Workflow) -> dict[str, str]:
    """Return the step that comes after each step, `end` after the last."""
    names = [*(step.id for step in workflow.steps), "end"]
    return {step.id: names[step.following] for step in workflow.steps}


def test_the_steps_of_paths_are_read_in_the_order_of_the_file_and_know_what_follows() -> None:
    workflow = load_workflow(TREE)
    assert following(workflow) == {
        "first": "size",
        "size": "last",
        "large_one": "deep",
        "deep": "last",
        "huge_one": "last",
        "small_one": "small_two",
        "small_two": "last",
        "last": "end",
    }
    assert [step.index for step in workflow.steps] == [*range(8)]
    size, deep = workflow.step("size"), workflow.step("deep")
    assert [(path.name, path.steps, path.when is None) for path in size.paths] == [
        ("large", range(2, 5), False),
        ("otherwise", range(5, 7), True),
    ]
    assert [path.steps for path in deep.paths] == [range(4, 5)]
    assert (size.inner, deep.inner) == (range(2, 7), range(4, 5))


def branch(keys: str) -> str:
    """Return a file with a step, a branch with these keys, and a step after it."""
    lines = "".join(f"    {line}\n" for line in keys.strip("\n").splitlines())
    return (
        "name: a\ninputs: {amount: number}\nsteps:\n  - {id: one, uses: set, with: {x: 1}}\n"
        f"  - id: two\n    uses: branch\n{lines}  - {{id: three, uses: set, with: {{x: 1}}}}\n"
    )


PATHS = """
paths:
  p:
    when: "{{ inputs.amount > 1 }}"
    steps: [{id: p1, uses: set, with: {x: 1}}, {id: p2, uses: set, with: {x: 1}, gate: {%s}}]
otherwise: [{id: q1, uses: set, with: {x: %s}}]
"""


@pytest.mark.parametrize(
    ("source", "place", "said"),
    [
        (branch("title: No paths"), "steps[1].paths", "A branch needs the key `paths`."),
        (branch("paths: {}"), "steps[1].paths", "needs at least 1 entry"),
        (branch("paths: {p: {when: true, steps: []}}"), "steps[1].paths.p.steps", "at least 1 entry"),
        (branch("paths: {p: {steps: [{id: p1, uses: set}]}}"), "steps[1].paths.p.when", "A path needs the key `when`."),
        (branch("paths: {p: [{id: p1, uses: set}]}"), "steps[1].paths.p", "A path is a mapping of `when` and `steps`."),
        (
            branch("paths: {p: {when: true, if: true, steps: [{id: p1, uses: set}]}}"),
            "steps[1].paths.p.if",
            "no key `if`",
        ),
        (branch("paths: {Big one: {when: true, steps: [{id: p1, uses: set}]}}"), "paths.Big one", "name of a path"),
        (
            branch("paths: {otherwise: {when: true, steps: [{id: p1, uses: set}]}}"),
            "steps[1].paths",
            "write it beside `paths`",
        ),
        (
            branch("paths: {p: {when: true, steps: [{id: p1}]}}"),
            "steps[1].paths.p.steps[0].uses",
            "needs the key `uses`",
        ),
        (branch("paths: {p: {when: true, steps: [{id: one, uses: set}]}}"), "p.steps[0].id", "taken by steps[0]"),
        (branch("paths: {p: {when: '{{ inputs.amout }}', steps: [{id: p1, uses: set}]}}"), "p.when", "`amount`"),
        (branch("paths: {p: {when: '{{ steps.p1.x }}', steps: [{id: p1, uses: set}]}}"), "p.when", "comes later"),
        (branch(PATHS % ("", "'{{ steps.p1.x }}'")), "otherwise[0].with.x", "`p1` is on another path"),
        (branch(PATHS % ("revise: p1", "1")), "gate.revise", "would come back"),
        (branch(PATHS % ("on_reject: q1", "1")), "gate.on_reject", "lies inside another step"),
        (branch(PATHS % ("", "1") + "gate: true\n"), "steps[1].gate", "A branch cannot have a gate"),
        (branch(PATHS % ("", "1") + "with: {x: 1}\n"), "steps[1].with.x", "The `with` of `branch` has no key `x`."),
        (branch(PATHS % ("", "1") + "retry: {attempts: 2}\n"), "steps[1].retry", "has no meaning"),
        (
            branch("paths: {p: {when: true, steps: [{id: p1, uses: set}]}}\notherwise: [{id: q1, uses: set}]"),
            "steps[1].paths.p.when",
            "The path `p` is always taken",
        ),
        ("name: a\nsteps: [{id: one, uses: set, paths: {}}]", "steps[0].paths", "Only a `branch` has paths."),
    ],
)
def test_a_mistake_in_a_branch_says_where_it_is_and_what_to_do(source: str, place: str, said: str) -> None:
    problems = [(problem.path, f"{problem.message} {problem.hint}") for problem in problems_of(source)]
    assert any(path.endswith(place) and said in words for path, words in problems), problems
    assert len(problems) == 1, problems


def test_a_jump_may_leave_a_path_and_stay_inside_it() -> None:
    source = branch(PATHS % ("revise: one, on_reject: three", "1")).replace("{x: 1}", '{x: "{{ review.comment }}"}', 1)
    gate = load_workflow(source).step("p2").gate
    assert gate is not None
    assert (gate.revise, gate.on_reject) == ("one", "three")


def test_after_a_branch_the_steps_of_every_path_are_known() -> None:
    source = (
        branch(PATHS % ("", "1")) + '  - {id: four, uses: set, with: {y: "{{ steps.q1.x | default(steps.p1.x) }}"}}\n'
    )
    assert load_workflow(source).step("four").index == 6


def nested(depth: int) -> list[dict[str, Any]]:
    inner = nested(depth - 1) if depth else [{"id": "leaf", "uses": "set", "with": {"x": 1}}]
    return [{"id": f"b{depth}", "uses": "branch", "paths": {"p": {"when": True, "steps": inner}}}] if depth else inner


def test_branches_lie_inside_each_other_up_to_a_limit() -> None:
    right = {"name": "a", "steps": nested(MAX_DEPTH)}
    assert len(load_workflow(yaml.safe_dump(right)).steps) == MAX_DEPTH + 1
    (problem,) = problems_of(yaml.safe_dump({"name": "a", "steps": nested(MAX_DEPTH + 1)}))
    assert problem.message == f"Branches lie at most {MAX_DEPTH} deep inside each other."


def test_the_steps_of_all_paths_count_for_the_limit() -> None:
    steps = [{"id": f"s{number}", "uses": "set", "with": {"x": 1}} for number in range(MAX_STEPS)]
    path = {"when": True, "steps": steps}
    (problem,) = problems_of(
        yaml.safe_dump({"name": "a", "steps": [{"id": "b", "uses": "branch", "paths": {"p": path}}]})
    )
    assert problem.path == f"steps[0].paths.p.steps[{MAX_STEPS - 1}]"


Tree = list[Any]
"""Steps: None for a plain one, or the trees of the paths of a branch."""
_PLAIN = st.lists(st.none(), min_size=1, max_size=3)


def _with_branches(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.lists(st.lists(inner, min_size=1, max_size=3) | st.none(), min_size=1, max_size=3)


@given(st.recursive(_PLAIN, _with_branches, max_leaves=8))
def test_every_step_is_followed_by_the_one_below_its_list(tree: Tree) -> None:
    """Compare with a walk over the tree that knows nothing of indexes."""
    expected: dict[str, str] = {}

    def write(steps: Tree, after: str, prefix: str, depth: int) -> list[dict[str, Any]]:
        names = [f"{prefix}{number}" for number in range(len(steps))]
        written = list[dict[str, Any]]()
        for name, inner, behind in zip(names, steps, [*names[1:], after], strict=True):
            expected[name] = behind
            if inner is None or depth == MAX_DEPTH:
                written.append({"id": name, "uses": "set", "with": {"x": 1}})
                continue
            paths = {
                f"p{number}": {"when": "{{ inputs.on }}", "steps": write(path, behind, f"{name}_{number}_", depth + 1)}
                for number, path in enumerate(inner)
            }
            written.append({"id": name, "uses": "branch", "paths": paths})
        return written

    steps = write(tree, "end", "s", 0)
    source = {"name": "a", "inputs": {"on": {"type": "boolean"}}, "steps": steps}
    assert following(load_workflow(yaml.safe_dump(source))) == expected
