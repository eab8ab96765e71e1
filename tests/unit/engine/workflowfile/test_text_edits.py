"""Changes of values in the text of a file: a value comes, changes and goes, and every other character stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import json_values
from engine.json_values import Value
from engine.workflowfile import text_edits, yaml_tree
from tests.support.examples import example_count

TEMPLATES = sorted(Path("templates/workflows").glob("*.yaml"))
GATE = ("steps", "pay", "gate")
PLAN: Value = {"clean": 100, "sample": "10%", "only_when": True}
PLAN_TEXT = "autonomy: {clean: 100, sample: 10%, only_when: true}"
BLOCK = """\
name: refund  # ours
# owner: you@example.com
inputs:
  amount: {type: money}
steps:
  - id: pay
    uses: set
    gate:   # people look
      # these two
      approvers: [lee@example.com]
      title: >-
        Pay
        it?

      remind:
        after: 4h  # not before

        every: 1d
      # how long
      expires: 8h
  - {id: tell, uses: set, gate: {approvers: [lee@example.com], remind: true}}
  - id: plain
    uses: set
    gate: true   # all defaults
"""


def read(source: bytes) -> Any:
    return yaml_tree.read(source).root.value


def changed(text: str, path: tuple[str | int, ...], value: Value) -> str:
    result = text_edits.set_value(text.encode(), path, value)
    assert result is not None
    return result.decode()


def removed(text: str, path: tuple[str | int, ...]) -> str:
    result = text_edits.remove_value(text.encode(), path)
    assert result is not None
    return result.decode()


@pytest.mark.parametrize(
    ("path", "value", "old", "new"),
    [
        (("name",), "refunds", "name: refund ", "name: refunds "),
        ((*GATE, "expires"), "2d", "expires: 8h", "expires: 2d"),
        ((*GATE, "approvers"), ["owner", "b@c.de"], "[lee@example.com]", "[owner, b@c.de]"),
        ((*GATE, "approvers", 0), "owner", "[lee@example.com]", "[owner]"),
        ((*GATE, "approvers", 1), "owner", "[lee@example.com]", "[lee@example.com, owner]"),
        ((*GATE, "title"), "Now?", ">-\n        Pay\n        it?\n", '"Now?"\n'),
        ((*GATE, "remind"), True, ":\n        after: 4h  # not before\n\n        every: 1d\n", ": true\n"),
        ((*GATE, "remind", "every"), "3h", "every: 1d", "every: 3h"),
        ((*GATE, "remind", "times"), 3, "every: 1d\n", "every: 1d\n        times: 3\n"),
        ((*GATE, "autonomy"), PLAN, "com]\n      t", f"com]\n      {PLAN_TEXT}\n      t"),
        (("steps", "tell", "gate", "expires"), "1d", "remind: true}", "remind: true, expires: 1d}"),
        (("title",), "Pay", "# ours\n", "# ours\ntitle: Pay\n"),
        (("steps", "pay", "title"), "Pay", "set\n    gate:   ", "set\n    title: Pay\n    gate:   "),
        (("steps", "plain", "gate", "expires"), "1d", "gate: true ", "gate: {expires: 1d} "),
        (("steps", "pay", "retry", "attempts"), 3, "set\n", "set\n    retry: {attempts: 3}\n"),
        (("inputs", "note"), {"type": "text"}, "money}\n", "money}\n  note: {type: text}\n"),
    ],
)
def test_a_value_is_written_in_its_place_and_nothing_else_changes(
    path: tuple[str | int, ...], value: Value, old: str, new: str
) -> None:
    result = changed(BLOCK, path, value)
    assert result == BLOCK.replace(old, new, 1)
    assert json_values.same(text_edits.find_value(result.encode(), path), value)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ((*GATE, "remind"), "      remind:\n        after: 4h  # not before\n\n        every: 1d\n", ""),
        ((*GATE, "title"), "      title: >-\n        Pay\n        it?\n", ""),
        ((*GATE, "approvers", 0), "[lee@example.com]", "[]"),
        (("steps", "tell", "gate", "remind"), ", remind: true", ""),
        (("steps", "tell", "gate", "approvers"), "approvers: [lee@example.com], ", ""),
        (("steps", "tell"), "  - {id: tell, uses: set, gate: {approvers: [lee@example.com], remind: true}}\n", ""),
        (("steps", "plain"), "  - id: plain\n    uses: set\n    gate: true   # all defaults\n", ""),
        (("steps", "plain", "id"), "- id: plain\n    uses", "- uses"),
        (("inputs", "amount"), "inputs:\n  amount: {type: money}\n", "inputs: {}\n"),
    ],
)
def test_a_value_is_removed_with_what_is_below_it_and_nothing_else_changes(
    path: tuple[str | int, ...], old: str, new: str
) -> None:
    assert removed(BLOCK, path) == BLOCK.replace(old, new, 1)


NOWHERE: list[tuple[str | int, ...]] = [
    (),
    ("name", "deeper"),
    ("steps", "unknown", "gate"),
    ("steps", 9),
    ("steps", "pay", 0),
    ("steps", -1),
]


@pytest.mark.parametrize("path", NOWHERE)
def test_a_path_that_leads_nowhere_changes_nothing(path: tuple[str | int, ...]) -> None:
    assert text_edits.set_value(BLOCK.encode(), path, "x") is None
    assert text_edits.remove_value(BLOCK.encode(), path) is None


@pytest.mark.parametrize("source", [b"\xff", b"a: [", b"a: 1\na: 2\n--- x", b"", b"a: \x00"])
def test_what_is_no_yaml_is_not_changed(source: bytes) -> None:
    assert text_edits.set_value(source, ("a",), 1) is None
    assert text_edits.remove_value(source, ("a",)) is None
    assert text_edits.find_value(source, ("a",)) is None
    assert text_edits.find_step(source, "a") is None


def test_a_step_is_found_at_any_depth_if_there_is_exactly_one() -> None:
    text = "steps:\n  - {id: a, uses: branch, paths: {x: {steps: [{id: b, uses: set}]}}}\n  - {id: c, uses: set}\n"
    assert text_edits.find_step(text.encode(), "b") == ("steps", 0, "paths", "x", "steps", 0)
    assert text_edits.find_step(text.encode(), "c") == ("steps", 1)
    assert text_edits.find_step(text.encode(), "d") is None
    assert text_edits.find_step(f"{text}  - {{id: c, uses: set}}\n".encode(), "c") is None


def test_a_dotted_path_finds_keys_with_dots_and_entries_by_their_id() -> None:
    text = "steps:\n  - {id: pay, gate: {edit: {json.amount: {max: 1}}}}\n"
    inside = text_edits.read_path(text.encode(), "steps.pay.gate.edit.json.amount.max")
    assert inside == ("steps", 0, "gate", "edit", "json.amount", "max")
    assert text_edits.read_path(text.encode(), "steps.0.gate.remind.after") == ("steps", 0, "gate", "remind", "after")
    assert text_edits.read_path(text.encode(), "steps.other.x") == ("steps", "other", "x")


def test_a_comment_that_would_become_text_of_the_key_before_goes_with_its_key() -> None:
    gate = "     title: |\n       two\n     remind: true\n       # deeper\n     expires: 1d\n"
    text = f"name: a\nsteps:\n  - id: pay\n    uses: set\n    gate:\n{gate}"
    assert removed(text, (*GATE, "remind")) == text.replace("     remind: true\n       # deeper\n", "")


# -- any text -------------------------------------------------------------------------------------------------

HOSTILE = st.sampled_from(
    [
        "owner\nsteps:",
        "{{ inputs.x }}",
        "a: b",
        "# no comment",
        "'\"`",
        "\u202e turned",
        "\u2028",
        "\ufeff",
        "\xa0 ",
        "- x",
        "*a",
        "&a",
        "!t",
        "yes",
        "null",
        "1e5",
        "",
        " ",
        "\t",
        "\r\n",
        "%",
        "---",
        "x" * 5_000,
        "𝄞",
        "|",
        ">-",
        "?",
        "[a",
        "a}",
        ",",
    ]
)
TEXTS = HOSTILE | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=20)
KEYS = TEXTS.filter(lambda text: len(text) < 200)
WRITTEN = st.recursive(
    TEXTS | st.booleans() | st.none() | st.integers(-(10**12), 10**12) | st.decimals(-1000, 1000, places=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=example_count(20), deadline=None)
@given(st.data(), st.sampled_from(TEMPLATES), WRITTEN)
def test_any_value_at_any_place_of_a_template_is_exactly_what_was_written(
    data: st.DataObject, template: Path, value: Any
) -> None:
    source = template.read_bytes()
    path = data.draw(st.sampled_from([*paths(read(source))]))
    result = text_edits.set_value(source, path, value)
    assert result is not None
    assert json_values.same(read(result), json_values.replace(read(source), path, json_values.clean(value)))
    assert comments(result) <= comments(source)


@settings(max_examples=example_count(20), deadline=None)
@given(st.data(), st.sampled_from(TEMPLATES), KEYS, TEXTS)
def test_a_key_that_was_added_to_a_template_can_be_removed_again(
    data: st.DataObject, template: Path, key: str, value: str
) -> None:
    source = template.read_bytes()
    tree = read(source)
    path = data.draw(st.sampled_from([path for path in paths(tree) if isinstance(json_values.look(tree, path), dict)]))
    if key in json_values.look(tree, path):  # type: ignore[operator]
        return
    added = text_edits.set_value(source, (*path, key), value)
    assert added is not None
    assert text_edits.find_value(added, (*path, key)) == value
    assert [line for line in added.decode().splitlines() if line in source.decode().splitlines()]
    assert text_edits.remove_value(added, (*path, key)) == source


@settings(max_examples=example_count(20), deadline=None)
@given(st.data(), st.sampled_from(TEMPLATES))
def test_any_part_of_a_template_can_be_removed(data: st.DataObject, template: Path) -> None:
    source = template.read_bytes()
    before = read(source)
    path = data.draw(st.sampled_from([*paths(before)]))
    result = text_edits.remove_value(source, path)
    assert result is not None
    held: Any = json_values.look(before, path[:-1])
    del held[path[-1]]
    assert json_values.same(read(result), before)


def paths(value: Any, path: tuple[str | int, ...] = ()) -> Any:
    if path:
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(item, (*path, key))


def comments(source: bytes) -> int:
    return source.count(b"  # ")


VALUES = st.sampled_from(
    ["true", "{after: 4h, every: 1d}", '"quoted: # text"', "[a, b]", "plain text", "'ü 𝄞'", "|\n{}  two\n{}  lines"]
)
NOISE = st.sampled_from(["", "{}# a comment\n", "\n", "{}  # deeper\n"])


@st.composite
def files(draw: st.DrawFn) -> tuple[str, bool]:
    """Draw a file with a gate of some keys, of which one is `remind`, in braces or in lines."""
    keys = draw(st.permutations(["title", "approvers", "remind", "expires"]))
    is_flow, indent = draw(st.booleans()), " " * draw(st.integers(5, 9))
    values = {key: draw(VALUES if not is_flow else VALUES.filter(lambda value: "\n" not in value)) for key in keys}
    if is_flow:
        gate = " {" + draw(st.sampled_from(["", " "])) + ", ".join(f"{key}: {values[key]}" for key in keys) + "}\n"
    else:
        gate = "\n" + "".join(
            draw(NOISE).replace("{}", indent) + f"{indent}{key}: " + values[key].replace("{}", indent) + "\n"
            for key in keys
        )
    text = f"name: é\nsteps:\n  - id: pay\n    gate:{gate}    uses: set\n  - id: last\n"
    is_windows = draw(st.booleans())
    return (text.replace("\n", "\r\n") if is_windows else text), draw(st.booleans())


@given(files())
def test_every_file_keeps_its_values_and_its_text_but_for_the_key(drawn: tuple[str, bool]) -> None:
    text, has_mark = drawn
    source = text.encode("utf-8-sig" if has_mark else "utf-8")
    before = read(source)
    added = text_edits.set_value(source, (*GATE, "autonomy"), PLAN)
    assert added is not None
    gate = read(added)["steps"][0]["gate"]
    assert gate.pop("autonomy") == PLAN
    assert gate == before["steps"][0]["gate"]
    assert text_edits.remove_value(added, (*GATE, "autonomy")) == source
    replaced = text_edits.set_value(source, (*GATE, "remind"), "3h")
    assert replaced is not None
    assert json_values.same(read(replaced), json_values.replace(before, ("steps", 0, "gate", "remind"), "3h"))
    removed = text_edits.remove_value(source, (*GATE, "remind"))
    assert removed is not None
    without = read(removed)
    del before["steps"][0]["gate"]["remind"]
    assert without == before
    kept, lines = iter(source.decode().splitlines()), removed.decode().splitlines()
    assert "{" in text.partition("gate:")[2][:2] or all(line in kept for line in lines)
