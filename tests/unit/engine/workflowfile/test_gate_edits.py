"""Changes of a gate in the text of a file: the key comes and goes, and every other character stays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.workflowfile import gate_edits, yaml_tree

PLAN = "{clean: 100, sample: 10%, only_when: true}"
BLOCK = """\
name: refund  # ours
steps:
  - id: pay
    uses: set
    gate:   # people look
      # these two
      approvers: [lee@example.com]
      remind:
        after: 4h  # not before

        every: 1d
      # how long
      expires: 8h
  - {id: tell, uses: set, gate: {approvers: [lee@example.com], remind: true}}
"""


def test_a_key_is_added_in_a_line_of_its_own_and_nothing_else_changes() -> None:
    changed = gate_edits.add_key(BLOCK.encode(), "pay", "autonomy", PLAN)
    assert changed is not None
    assert changed.decode() == BLOCK.replace("# people look\n", f"# people look\n      autonomy: {PLAN}\n")


def test_a_key_is_removed_with_what_is_below_it_and_nothing_else_changes() -> None:
    changed = gate_edits.remove_key(BLOCK.encode(), "pay", "remind")
    assert changed is not None
    lines = "      remind:\n        after: 4h  # not before\n\n        every: 1d\n"
    assert changed.decode() == BLOCK.replace(lines, "")


def test_keys_of_a_mapping_in_braces_come_and_go() -> None:
    added = gate_edits.add_key(BLOCK.encode(), "tell", "autonomy", PLAN)
    removed = gate_edits.remove_key(BLOCK.encode(), "tell", "remind")
    assert added is not None
    assert removed is not None
    assert added.decode() == BLOCK.replace("gate: {app", f"gate: {{autonomy: {PLAN}, app")
    assert removed.decode() == BLOCK.replace(", remind: true", "")


@pytest.mark.parametrize("step", ["unknown", "", "refund"])
def test_what_is_not_found_is_not_changed(step: str) -> None:
    assert gate_edits.add_key(BLOCK.encode(), step, "autonomy", PLAN) is None
    assert gate_edits.remove_key(BLOCK.encode(), step, "remind") is None


def test_a_key_that_is_there_is_not_added_and_one_that_is_not_there_is_not_removed() -> None:
    assert gate_edits.add_key(BLOCK.encode(), "pay", "remind", "true") is None
    assert gate_edits.remove_key(BLOCK.encode(), "pay", "autonomy") is None


def test_a_comment_that_would_become_text_of_the_key_before_goes_with_its_key() -> None:
    gate = "     title: |\n       two\n     remind: true\n       # deeper\n     expires: 1d\n"
    text = f"name: a\nsteps:\n  - id: pay\n    uses: set\n    gate:\n{gate}"
    removed = gate_edits.remove_key(text.encode(), "pay", "remind")
    assert removed is not None
    assert removed.decode() == text.replace("     remind: true\n       # deeper\n", "")


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
    before: Any = yaml_tree.read(source).root.value
    added = gate_edits.add_key(source, "pay", "autonomy", PLAN)
    assert added is not None
    tree: Any = yaml_tree.read(added).root.value
    gate = tree["steps"][0]["gate"]
    assert gate.pop("autonomy") == {"clean": 100, "sample": "10%", "only_when": True}
    assert gate == before["steps"][0]["gate"]
    assert gate_edits.remove_key(added, "pay", "autonomy") == source
    removed = gate_edits.remove_key(source, "pay", "remind")
    assert removed is not None
    without = yaml_tree.read(removed).root.value
    del before["steps"][0]["gate"]["remind"]
    assert without == before
    kept, lines = iter(source.decode().splitlines()), removed.decode().splitlines()
    assert "{" in text.partition("gate:")[2][:2] or all(line in kept for line in lines)
