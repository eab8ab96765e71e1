"""The command that plays the examples of workflow files."""

from __future__ import annotations

from tests.support.cli import Commands

FILE = """
name: pay
inputs: {amount: {type: money, currency: EUR}}
steps:
  - id: pay
    uses: http
    with: {method: POST, url: https://payments.example.com/refunds, json: {amount: "{{ inputs.amount }}"}}
    gate: {when: "{{ inputs.amount | number > 100 }}", approvers: [finance@example.com]}
examples:
  - name: A large one asks
    inputs: {amount: 250 EUR}
    expect: {asks: {pay: [finance@example.com]}, calls: [pay]}
"""


def test_examples_that_hold_are_no_problem(signoff: Commands) -> None:
    path = signoff.installation.folder / "pay.yaml"
    path.write_text(FILE, encoding="utf-8")
    assert signoff.run_ok("check", path, "--examples").out.startswith("No problems.")


def test_an_example_that_does_not_hold_is_a_problem(signoff: Commands) -> None:
    path = signoff.installation.folder / "pay.yaml"
    path.write_text(FILE.replace("100 }}", "300 }}"), encoding="utf-8")
    assert signoff("check", path).code == 0
    checked = signoff("check", path, "--examples")
    assert checked.code == 1
    assert "examples[0]: Example “A large one asks”: It asked no one about “Pay”." in checked.output


def test_a_file_without_examples_says_so(signoff: Commands) -> None:
    path = signoff.installation.folder / "pay.yaml"
    path.write_text(FILE.partition("examples:")[0], encoding="utf-8")
    assert "The file has no examples. Write some under `examples`." in signoff("check", path, "--examples").output
