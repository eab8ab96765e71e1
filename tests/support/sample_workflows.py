"""Workflows for the state machine test, which have every kind of gate, effect, failure and wait."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True)
class SampleWorkflow:
    """A workflow. `repeatable` are its effects that may be repeated; the gates of `conditional` open only above 100."""

    name: str
    source: str
    repeatable: frozenset[str] = frozenset()
    conditional: frozenset[str] = frozenset()
    reviewed: frozenset[str] = frozenset()
    """The effects that people review before they happen."""
    revised: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """The steps at whose gates changes can be asked for: the step that runs again, and how often."""
    holds: Mapping[str, timedelta] = field(default_factory=dict)
    """The steps at whose gates an approval is held, and how long."""
    commented: frozenset[str] = frozenset()
    """The effects with the parameter `asked`: what was asked for last of this step."""


PAY = SampleWorkflow(
    "pay",
    """
name: pay
owner: sam@example.com
inputs:
  amount: {type: integer}
steps:
  - id: prepare
    uses: set
    with: {amount: "{{ inputs.amount }}", note: for you}
  - id: send
    uses: call
    with: {to: bank, amount: "{{ steps.prepare.amount }}", text: "{{ steps.prepare.note }}"}
    gate:
      when: "{{ inputs.amount > 100 }}"
      approvers: [lee@example.com, kim@example.com, lee@example.com]
      reason_required: never
      remind: {after: 30m, every: 1h, times: 2}
      escalate: {after: 1h, to: sam@example.com}
    retry: {attempts: 2, wait: 1s}
  - id: note
    uses: set
    with: {text: "{{ steps.send.text }}"}
""",
    conditional=frozenset({"send"}),
    reviewed=frozenset({"send"}),
)

LENIENT = SampleWorkflow(
    "lenient",
    """
name: lenient
owner: sam@example.com
inputs:
  amount: {type: integer}
steps:
  - id: send
    uses: call
    with: {to: list, text: hello}
    idempotent: true
    retry: {attempts: 3, wait: 2s}
    gate: {approvers: [lee@example.com], expires: 1h, on_expiry: continue}
  - id: other
    uses: call
    with: {to: archive, text: hello}
    retry: {attempts: 2, wait: 5s}
    on_error: continue
  - id: nap
    uses: wait
    with: {for: 10m}
  - id: last
    uses: call
    with: {to: nowhere, text: "{{ steps.other.error | default('fine') }}"}
    gate: {expires: 30m, on_expiry: escalate, escalate: {to: kim@example.com}, remind: true}
""",
    repeatable=frozenset({"send", "last"}),
    reviewed=frozenset({"send", "last"}),
)

TWO = SampleWorkflow(
    "two",
    """
name: two
owner: sam@example.com
inputs:
  amount: {type: integer}
steps:
  - id: words
    uses: set
    with: {text: draft, more: [1, 2]}
    gate: {approvers: [requester, kim@example.com], expires: 20m, on_expiry: reject}
  - id: ask
    uses: call
    with: {to: oracle, text: "{{ steps.words.text }}"}
    retry: {attempts: 3, wait: 1s}
    gate: {at: after, approvers: [lee@example.com], expires: 2h, on_expiry: stop}
  - id: act
    uses: call
    with: {to: press, text: "{{ steps.ask.text }}", details: {deep: [a, {b: "{{ steps.ask.answer }}"}]}}
    gate: {approvers: [kim@example.com, far@unreachable.example], edit: [text, details.deep.0]}
""",
    reviewed=frozenset({"act"}),
)

REWORK = SampleWorkflow(
    "rework",
    """
name: rework
owner: sam@example.com
inputs:
  amount: {type: integer}
steps:
  - id: draft
    uses: call
    with: {to: writer, text: draft, asked: "{{ review.round }} {{ review.comment }}"}
    retry: {attempts: 2, wait: 1s}
  - id: polish
    uses: set
    with: {text: "{{ steps.draft.text }} {{ steps.draft.answer }} {{ review.comment }}"}
  - id: send
    uses: call
    with: {to: bank, text: "{{ steps.polish.text }}"}
    gate: {approvers: [lee@example.com, kim@example.com], edit: [text], revise: draft, revise_limit: 2, on_reject: tell}
  - id: book
    uses: call
    with: {to: books, text: "{{ steps.send.text }}", asked: "{{ review.round }} {{ review.comment }}"}
    gate: {at: after, approvers: [kim@example.com], revise: polish, revise_limit: 1, expires: 2h}
  - id: tell
    uses: call
    with:
      to: world
      text: "{{ steps.book.text | default('nothing') }}"
      asked: "{{ review.round }} {{ review.comment }}"
    gate: {approvers: [sam@example.com], revise: tell, revise_limit: 1, at: after, reason_required: never}
""",
    reviewed=frozenset({"send"}),
    revised={"send": ("draft", 2), "book": ("polish", 1), "tell": ("tell", 1)},
    commented=frozenset({"draft", "book", "tell"}),
)

SPLIT = SampleWorkflow(
    "split",
    """
name: split
owner: sam@example.com
inputs:
  amount: {type: integer}
steps:
  - id: ask
    uses: call
    with: {to: oracle, text: "split", asked: "{{ review.round }} {{ review.comment }}"}
    idempotent: true
  - id: size
    uses: branch
    paths:
      large:
        when: "{{ inputs.amount > 100 and review.round == 0 }}"
        steps:
          - id: pay
            uses: call
            with: {to: bank, text: "{{ steps.ask.text }}"}
            retry: {attempts: 2, wait: 1s}
            gate: {approvers: [lee@example.com, kim@example.com], revise: ask, revise_limit: 1, on_reject: tell}
          - id: deeper
            uses: branch
            paths:
              answered:
                when: "{{ steps.pay.answer == 'said' }}"
                steps:
                  - id: nap
                    uses: wait
                    with: {for: 10m}
          - id: book
            uses: call
            with: {to: books, text: "{{ steps.pay.text }}"}
            gate: {at: after, approvers: [kim@example.com], revise: ask, revise_limit: 1}
    otherwise:
      - id: note
        uses: call
        with: {to: archive, text: "{{ steps.ask.text }}"}
        on_error: continue
        gate: {approvers: [lee@example.com], reason_required: never}
  - id: tell
    uses: call
    with: {to: world, text: "{{ steps.size.path }} {{ steps.pay.text | default(steps.note.text | default('-')) }}"}
""",
    reviewed=frozenset({"pay", "note"}),
    repeatable=frozenset({"ask"}),
    revised={"pay": ("ask", 1), "book": ("ask", 1)},
    commented=frozenset({"ask"}),
)

DOUBT = SampleWorkflow(
    "doubt",
    """
name: doubt
owner: sam@example.com
inputs:
  amount: {type: integer}
steps:
  - id: pay
    uses: call
    with: {to: bank, text: hello}
    retry: {attempts: 2, wait: 1s}
    gate: {when: "{{ inputs.amount > 100 }}", approvers: [lee@example.com, kim@example.com], reason_required: never}
    on_error: ask
    approvers: [kim@example.com, lee@example.com]
  - id: count
    uses: set
    with: {text: "{{ steps.pay.text }}"}
    on_error: ask
  - id: tell
    uses: call
    with: {to: world, text: "{{ steps.pay.error | default('fine') }}"}
    idempotent: true
    gate: {at: after, approvers: [sam@example.com], reason_required: never}
    on_error: ask
""",
    repeatable=frozenset({"tell"}),
    conditional=frozenset({"pay"}),
    reviewed=frozenset({"pay"}),
)

HELD = SampleWorkflow(
    "hold",
    """
name: hold
owner: sam@example.com
inputs:
  amount: {type: integer}
steps:
  - id: send
    uses: call
    with: {to: bank, text: hello}
    retry: {attempts: 2, wait: 1s}
    gate: {approvers: [lee@example.com, kim@example.com], edit: [text], hold: 10m, reason_required: never}
  - id: ask
    uses: call
    with: {to: oracle, text: "{{ steps.send.text }}"}
    gate: {at: after, approvers: [kim@example.com], hold: 30m}
  - id: last
    uses: call
    with: {to: archive, text: "{{ steps.ask.text }}"}
    idempotent: true
    gate: {approvers: [lee@example.com], hold: 1h, expires: 2h, on_expiry: continue}
""",
    reviewed=frozenset({"send", "last"}),
    repeatable=frozenset({"last"}),
    holds={"send": timedelta(minutes=10), "ask": timedelta(minutes=30), "last": timedelta(hours=1)},
)

SAMPLE_WORKFLOWS = {sample.name: sample for sample in (PAY, LENIENT, TWO, REWORK, SPLIT, DOUBT, HELD)}
