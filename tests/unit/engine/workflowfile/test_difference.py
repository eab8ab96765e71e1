"""The difference between two versions: every value that changed is in it, and nothing else."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from engine.steps.registry import builtin
from engine.workflowfile import Workflow, difference, difference_words, load
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
    return difference_words.sentences(workflow(before), workflow(after))


def workflow(text: str) -> Workflow:
    return Workflow(name="refund", title="Refund", steps=(), source=text.encode())


def test_a_change_is_told_with_its_place_and_both_values() -> None:
    assert compare(FILE, FILE.replace("[lee@example.com]", "[kim@example.com], policy: all")) == [
        "Step “Pay”, who is asked: kim@example.com (was lee@example.com)",
        "Step “Pay”, how many have to approve: all (new)",
    ]
    assert compare(FILE, FILE.replace("may_run: [ann@example.com]\n", "")) == [
        "Who may start it: removed (was ann@example.com)"
    ]
    assert compare(FILE, FILE + "protected: true\n") == ["Every change waits for another person: yes (new)"]


def test_steps_are_known_by_their_ids() -> None:
    more = FILE + "  - {id: wait, uses: wait, with: {for: 1h}}\n"
    assert compare(FILE, more) == ["Step “Wait”: ID: wait; what it does: wait; with: (For: 1 hour) (new)"]
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
    assert compare(FILE, FILE.replace("done: true", "done: 1")) == ["Step “Tell”, with, Done: 1 (was yes)"]


REFUND = """\
name: refund
inputs:
  amount: {type: money, label: Amount, currency: EUR}
  vip: {type: boolean, label: VIP}
steps:
  - id: pay
    title: Pay
    uses: set
    with: {limit: {amount: 100, currency: EUR}}
    gate:
      when: "{{ inputs.amount > 100 or inputs.vip }}"
      approvers: [ann@example.com, lee@example.com]
      expires: 4h
"""


def refund(*changes: tuple[str, str]) -> list[str]:
    after = REFUND
    for old, new in changes:
        assert old in after
        after = after.replace(old, new)
    return difference_words.sentences(load(REFUND.encode(), kinds=builtin()), load(after.encode(), kinds=builtin()))


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "inputs.amount > 100 or",
            "inputs.amount > 250 or",
            "people are asked if: “Amount” is above 250 EUR or “VIP” is yes "
            "(was “Amount” is above 100 EUR or “VIP” is yes)",
        ),
        (
            '"{{ inputs.amount > 100 or inputs.vip }}"',
            '"{{ (inputs.amount | int) % 2 == 0 }}"',
            "people are asked if: (inputs.amount | int) % 2 == 0 (was “Amount” is above 100 EUR or “VIP” is yes)",
        ),
        (
            "lee@example.com]",
            "lee@example.com, role:cfo]",
            "who is asked: ann@example.com, lee@example.com and role:cfo (was ann@example.com and lee@example.com)",
        ),
        ("expires: 4h", "expires: 1d12h", "expires after: 1 day and 12 hours (was 4 hours)"),
        ("amount: 100, currency: EUR", "amount: 99.5, currency: EUR", "with, Limit, Amount: 99.5 (was 100)"),
        (
            "expires: 4h",
            "expires: 4h\n      remind: {after: 90m}",
            "reminders: After: 1 hour and 30 minutes (new)",
        ),
        (
            "expires: 4h",
            "expires: 4h\n      escalate: {after: 1h, to: [cfo@example.com, ceo@example.com]}",
            "who is asked later: After: 1 hour; To: (cfo@example.com and ceo@example.com) (new)",
        ),
    ],
)
def test_conditions_lists_and_durations_are_in_words(old: str, new: str, says: str) -> None:
    assert refund((old, new)) == [f"Step “Pay”, {says}"]


def test_money_that_is_new_is_an_amount() -> None:
    assert refund(("{limit: ", "{fee: {amount: 9.5, currency: USD}, limit: ")) == [
        "Step “Pay”, with, Fee: 9.50 USD (new)"
    ]


def test_one_text_in_a_list_does_not_look_like_several() -> None:
    before = "name: a\nlabels: [x]\n"
    assert compare(before, 'name: a\nlabels: ["x, y", "z and x"]\n') == ["Labels: “x, y” and “z and x” (was x)"]
    assert compare(before, "name: a\nlabels: x\n") == ['Labels: "x" (was ["x"])']


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


@given(before=VALUES, after=VALUES)
def test_two_values_never_have_the_same_words(before: object, after: object) -> None:
    told = compare(yaml.safe_dump({"a": before}), yaml.safe_dump({"a": after}))
    for says in told:
        _, _, rest = says.partition(": ")
        new, was, old = rest.partition(" (was ")
        assert not was or new != old.removesuffix(")")


LINES = st.lists(st.sampled_from(["a", "b", "c", "", "steps:"]), max_size=30)


@given(LINES, LINES)
def test_the_text_difference_turns_one_file_into_the_other(before: list[str], after: list[str]) -> None:
    old, new = "\n".join(before).splitlines(), "\n".join(after).splitlines()
    made, at = list[str](), 0
    for line in difference.text_difference("\n".join(before).encode(), "\n".join(after).encode()).splitlines():
        if line.startswith("@@"):
            start, _, count = line.split()[1][1:].partition(",")
            begin = int(start) if count == "0" else int(start) - 1
            made += old[at:begin]
            at = begin
        elif line[0] == "+":
            made.append(line[1:])
        else:
            assert old[at] == line[1:]
            made += [line[1:]] if line[0] == " " else []
            at += 1
    assert made + old[at:] == new


def test_a_file_of_very_many_lines_is_compared_without_matching_each_line_with_each() -> None:
    many = "".join(f"# {number % 110}\n" for number in range(200_000))
    text = difference.text_difference(f"a\n{many}b\n".encode(), f"b\n{many}a\n".encode())
    assert text.startswith("@@ -1,200002 +1,200002 @@\n-a\n")
    near = difference.text_difference(f"a\n{many}".encode(), f"b\n{many}".encode())
    assert near == "@@ -1,4 +1,4 @@\n-a\n+b\n # 0\n # 1\n # 2"
