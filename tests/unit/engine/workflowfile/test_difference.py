"""The difference between two versions: every value that changed is in it, and nothing else."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.workflowfile import Workflow, difference
from engine.workflowfile.difference import PartChangeKind

FILE = """\
name: refund
may_run: [ann@example.com]
steps:
  - id: pay
    title: Pay
    uses: set
    with: {amount: 1}
    gate: {approvers: [lee@example.com]}
  - id: tell
    uses: set
    with: {done: true}
"""


def compare(before: str, after: str) -> list[str]:
    changes = difference.differences(workflow(before), workflow(after))
    return [difference.sentence(change) for change in changes]


def workflow(text: str) -> Workflow:
    return Workflow(name="refund", title="Refund", steps=(), source=text.encode())


def test_a_change_is_told_with_its_place_and_both_values() -> None:
    assert compare(FILE, FILE.replace("[lee@example.com]", "[kim@example.com], policy: all")) == [
        'Step “Pay”, who is asked: ["kim@example.com"] (was ["lee@example.com"])',
        "Step “Pay”, how many have to approve: all (new)",
    ]
    assert compare(FILE, FILE.replace("may_run: [ann@example.com]\n", "")) == [
        'Who may start it: removed (was ["ann@example.com"])'
    ]
    assert compare(FILE, FILE + "protected: true\n") == ["Every change waits for another person: true (new)"]


def test_steps_are_known_by_their_ids() -> None:
    more = FILE + "  - {id: wait, uses: wait, with: {for: 1h}}\n"
    assert compare(FILE, more) == ['Step “Wait”: {"id":"wait","uses":"wait","with":{"for":"1h"}} (new)']
    (removed,) = difference.differences(workflow(more), workflow(FILE))
    assert removed.kind is PartChangeKind.REMOVED
    head, _, steps = FILE.partition("steps:\n")
    pay, tell = steps.split("  - id: tell")
    assert compare(FILE, f"{head}steps:\n  - id: tell{tell}{pay}") in (
        ["Step “Pay”: in another order"],
        ["Step “Tell”: in another order"],
    )


def test_comments_and_quotes_are_no_difference() -> None:
    assert compare(FILE, "# a comment\n" + FILE.replace("title: Pay", 'title: "Pay"')) == []


def test_a_number_and_a_boolean_differ() -> None:
    assert compare(FILE, FILE.replace("done: true", "done: 1")) == ["Step “Tell”, with, Done: 1 (was true)"]


def test_an_order_that_people_see_is_a_difference() -> None:
    before, after = ("name: a\ninputs: {" + inputs + "}\n" for inputs in ("a: text, b: text", "b: text, a: text"))
    assert compare(before, after) == ["Inputs: in another order"]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("abc", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "a", "b"]), inner, max_size=3),
    max_leaves=8,
)


@given(before=st.dictionaries(st.sampled_from("abcd"), VALUES), after=st.dictionaries(st.sampled_from("abcd"), VALUES))
def test_files_with_the_same_values_have_no_difference_and_others_have_one(
    before: dict[str, object], after: dict[str, object]
) -> None:
    told = compare(yaml.safe_dump(before), yaml.safe_dump(after)) if before and after else []
    same = yaml.safe_dump(before) == yaml.safe_dump(after)
    assert not (same and told)
    if before and after and not same:
        assert told
