"""The examples of a workflow, played in memory."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from engine import workflowfile
from engine.runs import examples
from engine.steps import registry
from engine.workflowfile import Workflow
from tests.support.fakes import START
from tests.support.run_in_memory import KINDS

FILE = """
name: refund
owner: sam@example.com
inputs: {amount: {type: money, currency: EUR}, vip: {type: boolean, default: false}}
steps:
  - {id: look, uses: call, with: {to: crm, text: look}}
  - {id: draft, uses: set, with: {text: "Pay {{ inputs.amount }}{{ review.comment }}"}}
  - id: pay
    uses: call
    with: {to: bank, text: "{{ steps.draft.text }}"}
    gate:
      when: "{{ inputs.amount | number > 100 }}"
      approvers: [lee@example.com, owner]
      edit: [text]
      revise: draft
      revise_limit: 1
      on_reject: told
      expires: 1d
  - {id: pause, uses: wait, with: {for: 3d}}
  - {id: booked, uses: call, with: {to: book, text: "{{ steps.look.text }} {{ steps.pay.approved.text }}"}}
  - id: told
    uses: call
    when: "{{ steps.pay.decision is mapping and steps.pay.decision.verdict == 'rejected' }}"
    with: {to: ann, text: "no: {{ steps.pay.decision.reason | default('') }}"}
examples:
  - name: it
    inputs: {amount: 250 EUR}
    outputs: {look: {text: gold}}
    KEYS
"""


def load(keys: str) -> Workflow:
    source = FILE.replace("KEYS", keys.replace("\n", "\n    "))
    return workflowfile.load(source.encode(), kinds=KINDS)


def played(keys: str) -> tuple[str, ...]:
    workflow = load(keys)
    return examples.failures(workflow, workflow.examples[0], START)


ROUTED = """
name: pay
owner: sam@example.com
inputs: {amount: number}
routes:
  payments:
    - {when: "{{ inputs.amount > 500 }}", to: ["role:directors"]}
    - {department: sales, to: [kim@example.com]}
    - {to: ["role:finance"], working: true, escalate: {after: 1h, to: [ann@example.com]}}
    LAST
steps:
  - {id: pay, uses: call, with: {to: bank, text: pay}, gate: {approvers: ["route:payments"]}}
examples:
  - {name: it, inputs: {amount: AMOUNT}, outputs: {pay: {}}, expect: {asks: {pay: [PEOPLE]}}}
"""


@pytest.mark.parametrize(
    ("amount", "last", "people"),
    [
        ("900", "- to: [lee@example.com]", '"role:directors"'),
        ("5", "- to: [lee@example.com]", 'kim@example.com, "role:finance", lee@example.com'),
    ],
    ids=["the first applies in any case", "who is at work is not known"],
)
def test_an_example_names_everyone_that_a_route_may_ask(amount: str, last: str, people: str) -> None:
    source = ROUTED.replace("AMOUNT", amount).replace("LAST", last).replace("PEOPLE", people)
    workflow = workflowfile.load(source.encode(), kinds=KINDS)
    assert examples.failures(workflow, workflow.examples[0], START) == ()


def test_an_example_names_the_owner_where_no_rule_of_a_route_may_apply() -> None:
    source = ROUTED.replace("AMOUNT", "5").replace("    LAST\n", "")
    source = source.replace("PEOPLE", 'owner, kim@example.com, "role:finance", ann@example.com')
    workflow = workflowfile.load(source.encode(), kinds=KINDS)
    assert examples.failures(workflow, workflow.examples[0], START) == ()


ALL = "[look, pay, booked]"


@pytest.mark.parametrize(
    "keys",
    [
        f"expect: {{asks: {{pay: [lee@example.com, owner]}}, calls: {ALL}, ends: succeeded}}",
        "expect: {asks: {pay: true}}",
        f"inputs: {{amount: 20 EUR}}\nexpect: {{asks: {{}}, calls: {ALL}, ends: succeeded}}",
        "answers: {pay: reject}\nexpect: {calls: [look, told], ends: succeeded}",
        "answers: {pay: {reject: too much}}\nexpect: {calls: [look, told]}",
        "answers: {pay: expire}\nexpect: {calls: [look], ends: expired}",
        f"answers: {{pay: {{edit: {{text: Pay less}}}}}}\nexpect: {{calls: {ALL}}}",
        f"answers: {{pay: [{{revise: less}}, approve]}}\nexpect: {{calls: {ALL}, ends: succeeded}}",
        "outputs: {}\nexpect: {ends: failed}",
    ],
)
def test_an_example_holds(keys: str) -> None:
    if keys.startswith(("inputs", "outputs")):
        name = keys.partition(":")[0]
        file = FILE.replace("    inputs: {amount: 250 EUR}\n", "") if name == "inputs" else FILE
        file = file.replace("    outputs: {look: {text: gold}}\n", "") if name == "outputs" else file
        source = file.replace("KEYS", keys.replace("\n", "\n    "))
        workflow = workflowfile.load(source.encode(), kinds=KINDS)
        assert examples.failures(workflow, workflow.examples[0], START) == ()
    else:
        assert played(keys) == ()


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("expect: {asks: {}}", "It asked lee@example.com, owner about “Pay”."),
        ("expect: {asks: {pay: [owner]}}", "It asked lee@example.com, owner about “Pay”, not owner."),
        ("expect: {calls: []}", "It called look, pay, booked, not nothing."),
        ("expect: {ends: rejected}", "The run ended as succeeded, not as rejected."),
        ("answers: {pay: [{revise: a}, {revise: b}]}\nexpect: {}", "Changes cannot be asked for at “Pay”, or not so"),
        (
            "answers: {pay: {edit: {txt: a}}}\nexpect: {}",
            "The answer about “Pay” is refused: Signoff does not know “txt”.",
        ),
    ],
)
def test_what_is_not_as_expected_is_said_in_a_sentence(keys: str, sentence: str) -> None:
    (said,) = played(keys)
    assert said.startswith(sentence)


def test_an_input_that_is_wrong_is_said() -> None:
    workflow = workflowfile.load(FILE.replace("250 EUR", "250 USD").replace("KEYS", "expect: {}").encode(), kinds=KINDS)
    (said,) = examples.failures(workflow, workflow.examples[0], START)
    assert said.startswith("The input “amount” ")


ASKED = """
name: approvals
owner: sam@example.com
steps:
  - id: call
    uses: ask
    gate: {when: "{{ ask.arguments.amount > 100 }}", approvers: [lee@example.com]}
  - id: after
    uses: set
    with: {text: "{{ steps.call.result | default('nothing') }}"}
examples:
  - name: NAME
    ask: ASK
    expect: EXPECT
    MORE
"""


@pytest.mark.parametrize(
    ("ask", "more", "expect", "wrong"),
    [
        ("{arguments: {amount: 120}}", "", "{asks: {call: [lee@example.com]}, calls: [], ends: succeeded}", ""),
        ("{use: once, arguments: {amount: 12}}", "", "{asks: {}, calls: [call], ends: succeeded}", ""),
        ("{use: once, arguments: {amount: 12}}", "failures: {call: No}", "{calls: [call], ends: failed}", ""),
        ("{use: once, arguments: {amount: 120}}", "answers: {call: reject}", "{calls: [], ends: rejected}", ""),
        ("{arguments: {}}", "", "{asks: {call: [lee@example.com]}}", ""),
        ("{arguments: {amount: 120}}", "", "{asks: {}}", "It asked lee@example.com about “Call”."),
    ],
)
def test_an_example_of_asks_says_who_is_asked_and_what_the_program_does(
    ask: str, more: str, expect: str, wrong: str
) -> None:
    source = ASKED.replace("ASK", ask).replace("EXPECT", expect).replace("MORE", more)
    workflow = workflowfile.load(source.encode(), kinds=registry.builtin())
    found = examples.failures(workflow, workflow.examples[0], datetime(2026, 3, 2, 9, tzinfo=UTC))
    assert "".join(found) == wrong


TYPED = """
name: pay
owner: sam@example.com
steps:
  - id: pay
    uses: set
    with: {amount: {amount: "5", currency: EUR}, on: "2026-03-02", sure: false}
    gate:
      approvers: [lee@example.com]
      edit:
        amount: {type: money, currency: EUR}
        "on": {type: date}
        sure: {type: boolean}
      expires: 1d
      on_expiry: reject
  - {id: after, uses: call, with: {to: "{{ steps.pay.on }}", text: "Sure {{ steps.pay.sure }}"}}
examples:
  - name: it
    KEYS
"""


@pytest.mark.parametrize(
    ("answer", "ends", "wrong"),
    [
        ('{edit: {amount: 70 EUR, "on": 2026-04-01, sure: "yes"}}', "succeeded", ""),
        ('{edit: {amount: {amount: "70", currency: EUR}, sure: true}}', "succeeded", ""),
        ("{edit: {amount: plenty}}", "succeeded", "“amount” must be an amount in EUR"),
        ("expire", "rejected", ""),
    ],
)
def test_an_answer_is_read_as_people_type_it_and_expires_as_the_gate_says(answer: str, ends: str, wrong: str) -> None:
    keys = f"answers: {{pay: {answer}}}\n    expect: {{ends: {ends}}}"
    workflow = workflowfile.load(TYPED.replace("KEYS", keys).encode(), kinds=KINDS)
    found = examples.failures(workflow, workflow.examples[0], START)
    assert [wrong in sentence for sentence in found] == [True] * bool(wrong), found
