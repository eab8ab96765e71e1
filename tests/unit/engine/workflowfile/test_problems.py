"""Each problem of a workflow file is reported once, with its line and column, a message and a hint."""

from __future__ import annotations

import re

import pytest

from engine.errors import DefinitionError
from engine.workflowfile import load
from tests.support.workflow_files import (
    KINDS,
    Page,
    gate_file,
    problems_of,
    problems_or_none,
    step_file,
)

REVISED = """name: a
owner: sam@example.com
steps:
  - {id: draft, uses: set, with: {x: "{{ review.comment }}"}}
  - {id: send, uses: set, with: {}, gate: {revise: draft}}
"""

APPROVED = """name: a
owner: sam@example.com
steps:
  - {id: pay, uses: http, with: {url: https://x.example}, gate: true}
  - {id: log, uses: set, with: {x: "{{ steps.pay.approved.url }}"}}
"""

SECRETS = (
    "Secrets are used only in `auth`, `body`, `form`, `headers`, `json` and `multipart` of `http` steps; "
    "people would see it here."
)

WRONG: list[tuple[str, int, int, str, str]] = [
    # the head
    ("- a\n", 1, 1, "", "A workflow file is a mapping"),
    ("name: a\n", 1, 1, "steps", "A workflow needs the key `steps`"),
    ("name: a\nsteps: []\n", 2, 8, "steps", "This needs at least 1 entry"),
    ("name: a\nsteps:\n", 2, 1, "steps", "`steps` has no value. Give it one, or delete the line"),
    ("name: a\nstep: []\n", 2, 1, "step", "has no key `step`. Did you mean `steps`?"),
    (step_file("id: a\nuses: set").replace("name: a", "name: My flow"), 1, 7, "name", "Write `my-flow`"),
    (
        step_file("id: a\nuses: set").replace("name: a", "name: 5"),
        1,
        7,
        "name",
        'must be text, not the number 5. Put it in quotes: "5"',
    ),
    (step_file("id: a\nuses: set") + "title: ''\n", 5, 8, "title", "may not be empty"),
    (step_file("id: a\nuses: set") + "title: '{{ x }}'\n", 5, 8, "title", "expressions do not work here"),
    (step_file("id: a\nuses: set") + f"title: {'x' * 151}\n", 5, 8, "title", "at most 150 characters long; it has 151"),
    (step_file("id: a\nuses: set") + 'title: "a\\nb"\n', 5, 8, "title", "must be one line"),
    (step_file("id: a\nuses: set") + "owner: bob\n", 5, 8, "owner", "`bob` is not a person or a group"),
    (step_file("id: a\nuses: set") + "owner: requester\n", 5, 8, "owner", "The owner is one person"),
    (step_file("id: a\nuses: set") + "may_run: []\n", 5, 10, "may_run", "No one could start this workflow"),
    (step_file("id: a\nuses: set") + "may_run: [requester]\n", 5, 11, "may_run[0]", "known before it runs"),
    # hold
    (gate_file("hold: 9s"), 7, 13, "steps[0].gate.hold", "This must be from 10s to 7d."),
    (gate_file("hold: 169h"), 7, 13, "steps[0].gate.hold", "This must be from 10s to 7d."),
    (gate_file("hold: 0s"), 7, 13, "steps[0].gate.hold", "is zero"),
    (gate_file("hold: 5"), 7, 13, "steps[0].gate.hold", "This must be a duration with its unit"),
    (gate_file("hold: true"), 7, 13, "steps[0].gate.hold", "This must be a duration with its unit"),
    (
        step_file("id: a\nuses: set\nhold: 1h"),
        5,
        5,
        "steps[0].hold",
        "A step has no key `hold`. Write it under `gate`.",
    ),
    (
        step_file("id: a\nuses: form\nfields: {x: text}\nhold: 1h"),
        6,
        5,
        "steps[0].hold",
        "there is nothing to hold. Put `hold` on the gate of the step",
    ),
    # inputs
    (step_file("id: a\nuses: set") + "inputs: {Who: text}\n", 5, 10, "inputs.Who", "Write `who`"),
    (step_file("id: a\nuses: set") + "inputs: {a-b: text}\n", 5, 10, "inputs.a-b", "Use `_` instead of `-`: `a_b`"),
    (step_file("id: a\nuses: set") + "inputs: {w: txt}\n", 5, 13, "inputs.w", "Did you mean “text”?"),
    (step_file("id: a\nuses: set") + "inputs: {w: {typ: text}}\n", 5, 14, "inputs.w.typ", "Did you mean `type`?"),
    (
        step_file("id: a\nuses: set") + "inputs: {w: {type: number, default: x}}\n",
        5,
        37,
        "inputs.w.default",
        "The default must be a number",
    ),
    (
        step_file("id: a\nuses: set") + "inputs: {w: {type: text, default: '{{ x }}'}}\n",
        5,
        35,
        "inputs.w.default",
        "expressions do not work here",
    ),
    (
        step_file("id: a\nuses: set") + "inputs: {w: {type: choice, options: [a, '{{ x }}']}}\n",
        5,
        41,
        "inputs.w.options[1]",
        "expressions do not work here",
    ),
    # steps
    (
        step_file("id: a\nuses: htp"),
        4,
        11,
        "steps[0].uses",
        "There is no kind of step `htp`; there are `ai`, `ask`, `branch`, `email`, `foreach`, `form`, `http`, "
        "`message`, `page`, `run`, `set` and `wait`. "
        "Did you mean `http`?",
    ),
    (step_file("id: a\nuses: emial"), 4, 11, "steps[0].uses", "Did you mean `email`?"),
    (step_file("id: a-b\nuses: set"), 3, 9, "steps[0].id", "Use `_` instead of `-`: `a_b`"),
    (step_file("id: a"), 3, 5, "steps[0].uses", "A step needs the key `uses`"),
    (step_file("uses: set"), 3, 5, "steps[0].id", "A step needs the key `id`"),
    (step_file("id: a\nuses: set").replace("- id: a", "- id:a"), 3, 8, "", "Put a space after the colon"),
    ("name: a\nsteps:\n  - id:a\n", 3, 5, "steps[0]", "Put a space after the colon"),
    (
        step_file("id: a\nuses: set") + "  - {id: a, uses: set}\n",
        5,
        10,
        "steps[1].id",
        "The id `a` is taken by steps[0]",
    ),
    (step_file("id: a\nuses: set\nwehn: true"), 5, 1 + 4, "steps[0].wehn", "Did you mean `when`?"),
    (step_file("id: a\nuses: set\nexpires: 2d"), 5, 5, "steps[0].expires", "Write it under `gate`"),
    (step_file("id: a\nuses: set\napprovers: owner"), 5, 5, "steps[0].approvers", "Write it under `gate`"),
    (
        step_file("id: a\nuses: set\nwhen: yes"),
        5,
        11,
        "steps[0].when",
        "Write true or false here, without quotes, not `yes`",
    ),
    (
        step_file("id: a\nuses: set\nwhen: inputs.x > 3"),
        5,
        11,
        "steps[0].when",
        'Put it in braces: "{{ inputs.x > 3 }}"',
    ),
    (
        step_file("id: a\nuses: set\nwhen: yes please"),
        5,
        11,
        "steps[0].when",
        '`yes please` is not a condition. Write it like "{{ inputs.amount | number > 100 }}".',
    ),
    (
        step_file("id: a\nuses: set\nwhen: please"),
        5,
        11,
        "steps[0].when",
        '`please` is not a condition. Write it like "{{ inputs.amount | number > 100 }}".',
    ),
    (
        step_file("id: a\nuses: set\nwhen: '{{ 1 + 1 }}'"),
        5,
        11,
        "steps[0].when",
        "A condition needs true or false, but the value is a number. Compare it with a number, such as `> 0`.",
    ),
    (
        step_file("id: a\nuses: set\nwhen: '{{ true }} or so'"),
        5,
        11,
        "steps[0].when",
        "A condition is one whole expression",
    ),
    (step_file("id: a\nuses: set\nwhen: {{ inputs.x }}"), 5, 11, "steps[0].when", 'Put the value in quotes: "{{ … }}"'),
    (step_file("id: a\nuses: set\nwhen: '{{ 1 + }}'"), 5, 11, "steps[0].when", "This expression cannot be read"),
    (step_file("id: a\nuses: set\nretry: 3"), 5, 12, "steps[0].retry", "must be a mapping, not the number 3"),
    (step_file("id: a\nuses: set\nretry: {attempts: 21}"), 5, 23, "steps[0].retry.attempts", "at most 20"),
    (
        step_file("id: a\nuses: set\nretry: {attempts: '2'}"),
        5,
        23,
        "steps[0].retry.attempts",
        "must be a whole number, not the text `2`",
    ),
    (step_file("id: a\nuses: set\nretry: {attempt: 2}"), 5, 13, "steps[0].retry.attempt", "Did you mean `attempts`?"),
    (step_file("id: a\nuses: set\ntimeout: 2h"), 5, 14, "steps[0].timeout", "at most 1h"),
    (step_file("id: a\nuses: set\ntimeout: 30"), 5, 14, "steps[0].timeout", "a duration with its unit"),
    (
        step_file("id: a\nuses: set\nidempotent: yes"),
        5,
        17,
        "steps[0].idempotent",
        "Write true or false here, not `yes`",
    ),
    (
        step_file("id: a\nuses: form\nfields: {x: text}\non_error: ask"),
        6,
        5,
        "steps[0].on_error",
        "A form calls nothing that could fail",
    ),
    (
        step_file("id: a\nuses: foreach\nwith: {over: [1]}\non_error: ask\nsteps: [{id: b, uses: set}]"),
        6,
        5,
        "steps[0].on_error",
        "Write `on_error: ask` on a step inside",
    ),
    (
        step_file("id: a\nuses: set\non_error: ask\napprovers: []"),
        6,
        5,
        "steps[0].approvers",
        "This list is empty",
    ),
    (
        step_file("id: a\nuses: set\non_error: ask\napprovers: [nobody here]"),
        6,
        17,
        "steps[0].approvers[0]",
        "is not a person",
    ),
    (
        step_file("id: a\nuses: set\non_error: halt"),
        5,
        15,
        "steps[0].on_error",
        "must be `stop`, `continue` or `ask`, not `halt`",
    ),
    (step_file("id: a\nuses: set\ngate: yes"), 5, 11, "steps[0].gate", "A gate is `true` or a mapping"),
    (step_file("id: a\nuses: set\ngate:"), 5, 5, "steps[0].gate", "`gate` has no value"),
    # parameters
    (step_file("id: a\nuses: http"), 3, 5, "steps[0].with.url", "The `with` of `http` needs the key `url`"),
    (
        step_file("id: a\nuses: http\nwith: {url: https://x, methd: GET}"),
        5,
        28,
        "steps[0].with.methd",
        "Did you mean `method`?",
    ),
    (
        step_file("id: a\nuses: http\nwith: {url: https://x, method: GTE}"),
        5,
        36,
        "steps[0].with.method",
        "Did you mean `GET`?",
    ),
    (step_file("id: a\nuses: http\nwith: {url: 5}"), 5, 17, "steps[0].with.url", "must be text, not the number 5"),
    (
        step_file("id: a\nuses: http\nwith: {url: https://x, headers: {A: [1]}}"),
        5,
        41,
        "steps[0].with.headers.A",
        "must be text, not a list",
    ),
    (
        step_file("id: a\nuses: http\nwith: {url: https://x, headers: {Host: y}}"),
        5,
        37,
        "steps[0].with.headers",
        "is set by Signoff itself",
    ),
    (
        step_file("id: a\nuses: http\nwith: {url: https://x, query: {a: [1]}}"),
        5,
        39,
        "steps[0].with.query.a",
        "must be text, true or false, or a number, not a list",
    ),
    (
        step_file("id: a\nuses: http\nwith: {url: ftp://x}"),
        5,
        17,
        "steps[0].with.url",
        "This address must begin with https:// and a host.",
    ),
    (
        step_file("id: a\nuses: http\nwith: {url: 'https://me@{{ 1 }}.x/'}"),
        5,
        17,
        "steps[0].with.url",
        "send an Authorization header",
    ),
    (step_file("id: a\nuses: http\nwith: {url: https://h:99999/}"), 5, 17, "steps[0].with.url", "cannot be read"),
    (step_file("id: a\nuses: http\nwith: {url: https://x, json: 1, body: y}"), 5, 11, "steps[0].with", "not both"),
    (step_file("id: a\nuses: wait\nwith: {for: soon}"), 5, 17, "steps[0].with.for", "is not a duration"),
    (step_file("id: a\nuses: wait\nwith: {for: 5}"), 5, 17, "steps[0].with.for", "must be a duration with its unit"),
    (step_file("id: a\nuses: wait\nwith: {until: [1]}"), 5, 19, "steps[0].with.until", "must be a time, like 2026-"),
    (step_file("id: a\nuses: wait"), 3, 5, "steps[0].with", "exactly one of"),
    (step_file("id: a\nuses: page\nwith: {to: x, levle: 1}"), 5, 19, "steps[0].with.levle", "Did you mean `level`?"),
    (step_file('id: a\nuses: set\nwith: {"{{ x }}": 1}'), 5, 12, "steps[0].with.{{ x }}", "not in keys"),
    (step_file("id: a\nuses: set\nwith: {x: '{{ inputs.y }'}"), 5, 15, "steps[0].with.x", "Every `{{` needs its `}}`"),
    # waiting
    (step_file("id: a\nuses: wait\nwith: {for: 1h}\ngate: true"), 6, 5, "steps[0].gate", "there is nothing to review"),
    (
        step_file("id: a\nuses: wait\nwith: {for: 1h}\nretry: {attempts: 2}"),
        6,
        5,
        "steps[0].retry",
        "no meaning on a `wait` step",
    ),
    (step_file("id: a\nuses: wait\nwith: {for: 1h}\nidempotent: true"), 6, 5, "steps[0].idempotent", "no meaning"),
    (step_file("id: a\nuses: wait\nwith: {for: 1h}\ntimeout: 1m"), 6, 5, "steps[0].timeout", "no meaning"),
    # gates
    (gate_file("wen: true"), 7, 7, "steps[0].gate.wen", "Did you mean `when`?"),
    (gate_file("approver: owner"), 7, 7, "steps[0].gate.approver", "Write approvers: [ada@example.com]."),
    (gate_file("on_error: stop"), 7, 7, "steps[0].gate.on_error", "Write it on the step"),
    (gate_file("at: befor"), 7, 11, "steps[0].gate.at", "Did you mean `before`?"),
    (gate_file("approve_label: ''"), 7, 22, "steps[0].gate.approve_label", "may not be empty"),
    (gate_file("approve_label: ' '"), 7, 22, "steps[0].gate.approve_label", "may not be empty"),
    (gate_file(f"reject_label: {'x' * 76}"), 7, 21, "steps[0].gate.reject_label", "at most 75 characters"),
    (gate_file("approve_label: '{{ run.id }}'"), 7, 22, "steps[0].gate.approve_label", "expressions do not work here"),
    (gate_file(f"title: {'x' * 151}"), 7, 14, "steps[0].gate.title", "at most 150 characters"),
    (gate_file("title: |\n  a\n  b"), 7, 14, "steps[0].gate.title", "must be one line"),
    (gate_file(f"reason: {'x' * 501}"), 7, 15, "steps[0].gate.reason", "at most 500 characters"),
    (gate_file(f"confirm: {'x' * 301}"), 7, 16, "steps[0].gate.confirm", "at most 300 characters"),
    (gate_file("expires: 5"), 7, 16, "steps[0].gate.expires", "a duration with its unit, like 90s"),
    (gate_file("expires: 5 days"), 7, 16, "steps[0].gate.expires", "is not a duration"),
    (gate_file("on_expiry: stop"), 7, 7, "steps[0].gate.on_expiry", "`on_expiry` has no effect without `expires`"),
    (
        gate_file("reason_required: maybe"),
        7,
        24,
        "steps[0].gate.reason_required",
        "must be `reject`, `always` or `never`",
    ),
    (gate_file("approvers: [bob]"), 7, 19, "steps[0].gate.approvers[0]", "`bob` is not a person or a group"),
    (gate_file("approvers: bob@nowhere"), 7, 18, "steps[0].gate.approvers", "is not a person or a group"),
    (gate_file("approvers: [Owner]"), 7, 19, "steps[0].gate.approvers[0]", "Write `owner`"),
    (gate_file("approvers: [5]"), 7, 19, "steps[0].gate.approvers[0]", "must be text"),
    (gate_file("approvers: [{a: b}]"), 7, 19, "steps[0].gate.approvers[0]", "must be text, not a mapping"),
    (
        gate_file("approvers: ['group:the sales']"),
        7,
        19,
        "steps[0].gate.approvers[0]",
        "`group:the sales` is not a person or a group",
    ),
    (gate_file("approvers: ['{{ inputs.boss }}']"), 7, 19, "steps[0].gate.approvers[0]", "There is no input `boss`"),
    (gate_file("policy: most"), 7, 15, "steps[0].gate.policy", "must be `any` or `all`, not `most`"),
    (
        gate_file("policy: {quorum: 3}\napprovers: [a@example.com, b@example.com]"),
        7,
        16,
        "steps[0].gate.policy.quorum",
        "A quorum of 3 can never come together from 2",
    ),
    (gate_file("policy: {quorum: two}"), 7, 24, "steps[0].gate.policy.quorum", "must be a whole number"),
    (gate_file("policy: {quorom: 2}"), 7, 16, "steps[0].gate.policy.quorom", "Did you mean `quorum`?"),
    (gate_file("policy: {}"), 7, 15, "steps[0].gate.policy", "write one of them"),
    (gate_file("exclude: [requestr]"), 7, 17, "steps[0].gate.exclude[0]", "Did you mean `requester`?"),
    (gate_file("exclude: [requester]\napprovers: requester"), 7, 7, "steps[0].gate.exclude", "No one could decide"),
    (gate_file("policy: {quorum: 2}"), 7, 16, "steps[0].gate.policy.quorum", "can never come together from 1"),
    (
        gate_file("policy: {quorum: 2}\napprovers: [requester, owner]\nexclude: [requester]"),
        7,
        16,
        "steps[0].gate.policy.quorum",
        "A quorum of 2 can never come together from 1: the requester is excluded.",
    ),
    (
        "owner: sam@example.com\n" + gate_file("policy: {quorum: 2}\napprovers: [owner, Sam@example.com]"),
        8,
        16,
        "steps[0].gate.policy.quorum",
        "A quorum of 2 can never come together from 1.",
    ),
    (
        gate_file("policy: {chain: [[a@example.com], [a@example.com]]}"),
        7,
        7,
        "steps[0].gate.policy",
        "each group needs a person who approves in no other group",
    ),
    (
        gate_file("approvers: a@example.com\npolicy: {chain: [[a@example.com], [b@example.com]]}"),
        7,
        7,
        "steps[0].gate.approvers",
        "`approvers` has no effect with a chain",
    ),
    (gate_file('policy: "{{ inputs.x }}"'), 7, 15, "steps[0].gate.policy", "There is no input `x`"),
    (
        gate_file('policy: "{{ run.id }}"'),
        7,
        15,
        "steps[0].gate.policy",
        "can only choose between policies that the file itself writes",
    ),
    (
        gate_file("policy: \"{{ 'some' if true else 'any' }}\""),
        7,
        15,
        "steps[0].gate.policy",
        '`"some"` is not a policy',
    ),
    (
        gate_file("exclude: [requester]\npolicy: {chain: [[requester], [b@example.com]]}"),
        8,
        7,
        "steps[0].gate.policy",
        "No one could approve in one of these groups",
    ),
    (gate_file("exclude: [editor]\nedit: []"), 7, 7, "steps[0].gate.exclude", "nothing can be edited"),
    (
        gate_file("email: never\nfallback_after: 5m"),
        8,
        7,
        "steps[0].gate.fallback_after",
        "has no effect with `email: never`",
    ),
    (gate_file("channels: [slak]"), 7, 18, "steps[0].gate.channels[0]", "Did you mean `slack`?"),
    (gate_file("channels: slack"), 7, 17, "steps[0].gate.channels", "must be a list"),
    (gate_file("channels: [{post_to: sales}]"), 7, 28, "steps[0].gate.channels[0].post_to", "must be a Slack channel"),
    (gate_file("channels: [slack, slack]"), 7, 25, "steps[0].gate.channels[1]", "`slack` stands here twice"),
    (
        gate_file("channels: [{post_to: '#a'}, {post_to: '#b'}]"),
        7,
        35,
        "steps[0].gate.channels[1]",
        "A gate can post to one channel only",
    ),
    (
        gate_file("channels: [slack]\nemail: always"),
        8,
        7,
        "steps[0].gate.email",
        "`channels`, which does not name email",
    ),
    (gate_file("channels: [slack, email]\nemail: never"), 8, 7, "steps[0].gate.email", "`channels`, which names email"),
    (gate_file("channels: [email, slack]\nemail: always"), 8, 7, "steps[0].gate.email", "asks by email first"),
    (gate_file("channels: [{post_to: '#a'}]\nemail: always"), 8, 7, "steps[0].gate.email", "Write channels: [email, {"),
    (
        gate_file("channels: [email]\nfallback_after: 5m"),
        8,
        7,
        "steps[0].gate.fallback_after",
        "has no effect with one way to ask people in `channels`",
    ),
    (gate_file("show: [hello]"), 7, 14, "steps[0].gate.show[0]", "This line needs a label"),
    (gate_file("show: ['{{ 1 + 1 }}']"), 7, 14, "steps[0].gate.show[0]", "This line needs a label"),
    (gate_file("show: [{label: x}]"), 7, 14, "steps[0].gate.show[0].value", "`show[0]` needs the key `value`"),
    (
        gate_file("show: [{label: x, valeu: y, value: z}]"),
        7,
        25,
        "steps[0].gate.show[0].valeu",
        "Did you mean `value`?",
    ),
    # edits
    (gate_file("edit: x"), 7, 13, "steps[0].gate.edit", "must be a list of fields"),
    (gate_file("edit: [y]"), 7, 14, "steps[0].gate.edit[0]", "no parameter `y` to edit. There are `x` and `text`"),
    (gate_file("edit: [txt]"), 7, 14, "steps[0].gate.edit[0]", "Did you mean `text`?"),
    (gate_file("edit: [x.y]"), 7, 14, "steps[0].gate.edit[0]", "no parameter `x.y` to edit"),
    (gate_file("edit: [x, x]"), 7, 17, "steps[0].gate.edit[1]", "`x` is here twice"),
    (gate_file("edit: [{a: text, b: text}]"), 7, 14, "steps[0].gate.edit[0]", "An entry of `edit` is"),
    (gate_file("edit: [{x: text}]"), 7, 18, "steps[0].gate.edit[0].x", "does not fit the type text: it must be text"),
    (gate_file("edit: {x: txt}"), 7, 17, "steps[0].gate.edit.x", "Did you mean “text”?"),
    (gate_file("at: after\nedit: [y]"), 8, 14, "steps[0].gate.edit[0]", "The step has no output `y` to edit"),
    (
        step_file("id: a\nuses: set\nwith: {p: {q: 1}}\ngate: {edit: [p, p.q]}"),
        6,
        22,
        "steps[0].gate.edit[1]",
        "`p.q` lies inside `p`",
    ),
    (
        step_file("id: a\nuses: set\nwith: {p: {q: [1]}}\ngate: {edit: [p.q.1]}"),
        6,
        19,
        "steps[0].gate.edit[0]",
        "Did you mean `p.q.0`?",
    ),
    *(
        (
            step_file(
                "id: a\nuses: http\nwith: {url: https://x, json: {k: {s: '{{ secret.KEY }}'}}}\n"
                f"gate: {{edit: [{path}]}}"
            ),
            6,
            19,
            "steps[0].gate.edit[0]",
            f"`{path}` contains a secret and can never be edited",
        )
        for path in ("json", "json.k", "json.k.s", "json.k.s.t")
    ),
    # references
    (
        gate_file("title: '{{ inputs.x }}'") + "inputs: {xy: text}\n",
        7,
        14,
        "steps[0].gate.title",
        "There is no input `x`. Did you mean `xy`?",
    ),
    (
        gate_file("title: '{{ inputs.x.y }}'") + "inputs: {x: text}\n",
        7,
        14,
        "steps[0].gate.title",
        "The input `x` has no `y`; it is of the type text",
    ),
    (
        gate_file("title: '{{ inputs.x.amout }}'") + "inputs: {x: money}\n",
        7,
        14,
        "steps[0].gate.title",
        "Money has `amount` and `currency`",
    ),
    (gate_file("title: '{{ steps.one.x }}'"), 7, 14, "steps[0].gate.title", "`one` is this step itself"),
    (
        gate_file("at: after\ntitle: '{{ steps.one.y }}'"),
        8,
        14,
        "steps[0].gate.title",
        "The step `one` (`set`) has no output `y`",
    ),
    (
        gate_file("title: '{{ steps.two.x }}'") + "  - {id: two, uses: set}\n",
        7,
        14,
        "steps[0].gate.title",
        "The step `two` comes later",
    ),
    (gate_file("title: '{{ steps.six.x }}'"), 7, 14, "steps[0].gate.title", "There is no step `six`"),
    (
        gate_file("title: '{{ run.name }}'"),
        7,
        14,
        "steps[0].gate.title",
        "`run` has no `name`. It has `id`, `requester`, `started_at` and `workflow`",
    ),
    (gate_file("title: '{{ input.x }}'"), 7, 14, "steps[0].gate.title", "There is no `input`. Did you mean `inputs`?"),
    (gate_file("title: '{{ one.x }}'"), 7, 14, "steps[0].gate.title", "Did you mean `steps.one`?"),
    (
        gate_file("title: '{{ who | default(1) }}'") + "inputs: {who: text}\n",
        7,
        14,
        "steps[0].gate.title",
        "Did you mean `inputs.who`?",
    ),
    (gate_file("title: '{{ review.comment }}'"), 7, 14, "steps[0].gate.title", "this step never runs again for that"),
    (gate_file("revise_limit: 3"), 7, 7, "steps[0].gate.revise_limit", "never counts without `revise`"),
    (gate_file("revise: two"), 7, 15, "steps[0].gate.revise", "names an earlier step"),
    (gate_file("revise: one"), 7, 15, "steps[0].gate.revise", "the step itself has not run yet"),
    (gate_file("at: after\nrevise: one"), 8, 15, "steps[0].gate.revise", "would reach no step"),
    (
        step_file("id: a\nuses: set") + "examples: [{name: x, answers: {a: approve}, expect: {}}]\n",
        5,
        32,
        "examples[0].answers.a",
        "There is no step with a gate `a`",
    ),
    (
        step_file("id: a\nuses: set") + "examples: [{name: x, expect: {calls: [b]}}]\n",
        5,
        39,
        "examples[0].expect.calls[0]",
        "There is no step `b`",
    ),
    (APPROVED.replace(".url", ".uri"), 5, 36, "steps[1].with.x", "takes no `uri`. Did you mean `url`?"),
    (APPROVED.replace(", gate: true", ""), 5, 36, "steps[1].with.x", "leaves no `approved`"),
    (APPROVED.replace("gate: true", "gate: {at: after}"), 5, 36, "steps[1].with.x", "leaves no `approved`"),
    (
        APPROVED.replace("gate: true", 'gate: {title: "{{ steps.pay.approved.url }}"}'),
        4,
        73,
        "steps[0].gate.title",
        "this step itself",
    ),
    (gate_file("on_reject: one"), 7, 18, "steps[0].gate.on_reject", "names a later step"),
    (REVISED.replace("comment", "coment"), 4, 38, "steps[0].with.x", "`review` has no `coment`"),
    (REVISED.replace("comment", "by.nam"), 4, 38, "steps[0].with.x", "`by` has no `nam`"),
    (REVISED.replace("review.comment", "1"), 5, 52, "steps[1].gate.revise", "would reach no step"),
    (step_file("id: a\nuses: set\nwith: {x: '{{ steps.a.x }}'}"), 5, 15, "steps[0].with.x", "this step itself"),
    (
        step_file("id: a\nuses: wait\nwith: {for: 1h}") + "  - {id: b, uses: set, with: {x: '{{ steps.a.y }}'}}\n",
        6,
        34,
        "steps[1].with.x",
        "This kind of step has no output",
    ),
    (
        step_file("id: a\nuses: set") + "  - {id: b, uses: set, with: {x: '{{ steps.a.error }}'}}\n",
        5,
        34,
        "steps[1].with.x",
        "With `on_error: continue`",
    ),
    # secrets
    (
        step_file("id: a\nuses: http\nwith: {url: 'https://x.example/{{ secret.KEY }}'}"),
        5,
        17,
        "steps[0].with.url",
        SECRETS,
    ),
    (step_file("id: a\nuses: set\nwith: {x: '{{ secret.KEY }}'}"), 5, 15, "steps[0].with.x", SECRETS),
    (
        step_file("id: a\nuses: http\nwith: {url: https://x, body: '{{ secret.key }}'}"),
        5,
        34,
        "steps[0].with.body",
        "`key` is not the name of a secret",
    ),
    *(
        (gate_file(f"{key}: {value}"), 7, 9 + len(key), f"steps[0].gate.{key}", SECRETS)
        for key, value in (
            ("title", "'{{ secret.KEY }}'"),
            ("reason", "'{{ secret.KEY }}'"),
            ("confirm", "'{{ secret.KEY }}'"),
            ("when", "'{{ secret.KEY }}'"),
            ("approvers", "'{{ secret.KEY }}'"),
        )
    ),
    (gate_file("show: ['{{ secret.KEY }}']"), 7, 14, "steps[0].gate.show[0]", SECRETS),
]


@pytest.mark.parametrize(("source", "line", "column", "path", "fragment"), WRONG, ids=[row[0][-40:] for row in WRONG])
def test_a_problem_says_where_it_is_and_what_to_do(
    source: str, line: int, column: int, path: str, fragment: str
) -> None:
    problems = problems_of(source)
    matching = [problem for problem in problems if fragment in f"{problem.message} {problem.hint}".strip()]
    assert matching, problems
    assert (matching[0].line, matching[0].column, matching[0].path) == (line, column, path)
    # One mistake is not reported a second time by its consequences.
    others = [problem for problem in problems if problem not in matching]
    assert not others or fragment in (SECRETS, "This line needs a label") or "not available" in str(others), others


@pytest.mark.parametrize(
    ("source", "sentences"),
    [
        *(
            (gate_file(f"approvers: {written}"), f"This text names several people. Write a list: [{people}].")
            for written, people in (
                ('"ada@example.com, ben@example.com"', "ada@example.com, ben@example.com"),
                ("[ada@example.com ben@example.com]", "ada@example.com, ben@example.com"),
                ("owner and group:sales", "owner, group:sales"),
            )
        ),
        (
            step_file("id: a\nuses: set") + "owner: ada@example.com; ben@example.com\n",
            "The owner is one person, or the members of a role or group: write an email address, a Slack user id, "
            "`role:name` or `group:handle`.",
        ),
        *(
            (gate_file(keys), sentences)
            for keys, sentences in (
                (
                    "policy: 2",
                    "This must be `any` or `all`, not the number 2. Or write {quorum: 2} or {chain: [[…], […]]}.",
                ),
                ("policy: al", "This must be `any` or `all`, not `al`. Did you mean `all`?"),
                (
                    "policy: {chain: ['group:finance']}",
                    "This must be a list, not the text `group:finance`. "
                    "Write each group as a list: [[ada@example.com], [lee@example.com]].",
                ),
                (
                    "policy: {chain: owner}",
                    "This must be a list, not the text `owner`. "
                    "Write each group as a list: [[ada@example.com], [lee@example.com]].",
                ),
                (
                    "exclude: requester",
                    "This must be a list, not the text `requester`. Write [requester], [requester, editor] or [].",
                ),
                ("remind: 4h", "This must be true or false, not the text `4h`. Or write {after: 4h}."),
                (
                    "escalate: kim@example.com",
                    "This must be a mapping, not the text `kim@example.com`. Write {after: 4h, to: [owner]}.",
                ),
                (
                    "channels: '#finance'",
                    "This must be a list, not the text `#finance`. "
                    'Write [slack, email], or for a channel [{post_to: "#approvals"}].',
                ),
                (
                    "channels: ['#finance']",
                    'This must be `slack` or `email`, not `#finance`. For a channel, write {post_to: "#approvals"}.',
                ),
                (
                    "post_to: '#finance'",
                    'A gate has no key `post_to`. Write channels: [{post_to: "#approvals"}].',
                ),
                *(
                    (f"{key}: 2", f"A gate has no key `{key}`. Write policy: {{quorum: 2}}.")
                    for key in ("quorum", "approvals", "min_approvals", "required_approvals")
                ),
                (
                    "approver: lee@example.com",
                    "A gate has no key `approver`. Write approvers: [ada@example.com].",
                ),
                ("deadline: 4h", "A gate has no key `deadline`. For the time to decide, write expires: 4h."),
                (
                    "timeout: 4h",
                    "A gate has no key `timeout`. For the time to decide, write expires: 4h. "
                    "The `timeout` of a call stands on the step.",
                ),
                (
                    "chain: [[owner], [lee@example.com]]",
                    "A gate has no key `chain`. Write policy: {chain: [[ada@example.com], [lee@example.com]]}.",
                ),
            )
        ),
        (
            step_file("id: a\nuses: form\nfields: {x: text}\nquorum: 2"),
            "A form has no key `quorum`. Write policy: {quorum: 2}.",
        ),
        (step_file("id: a\nuses: set\nretry: 5"), "This must be a mapping, not the number 5. Write {attempts: 5}."),
        (
            step_file("id: a\nuses: set\nretry: yes"),
            "This must be a mapping, not the text `yes`. Write {attempts: 3}.",
        ),
        (
            step_file("id: a\nuses: http\nwith: {url: https://x, jsn: {b: 1}}\ngate: {edit: [json.b]}"),
            "The `with` of `http` has no key `jsn`. Did you mean `json`?",
        ),
    ],
)
def test_a_common_mistake_is_reported_once_with_its_correction(source: str, sentences: str) -> None:
    (problem,) = problems_of(source)
    assert f"{problem.message} {problem.hint}".strip() == sentences


def test_the_hint_for_a_policy_that_data_chooses_is_itself_a_policy() -> None:
    inputs = "inputs: {amount: {type: money, currency: EUR}}\nsteps:"
    chosen_by_data = gate_file("policy: \"{{ {'quorum': inputs.amount | number} }}\"")
    (problem,) = problems_of(chosen_by_data.replace("steps:", inputs))
    (policy,) = re.findall(r"like (.+)\.$", problem.hint)
    hinted = gate_file(f"approvers: [ada@example.com, ben@example.com]\npolicy: {policy}")
    load(hinted.replace("steps:", inputs).encode(), kinds=KINDS)


def test_an_unknown_key_is_no_suggestion_to_edit() -> None:
    unknown_key, edit = problems_of(
        step_file("id: a\nuses: http\nwith: {url: https://x, jsn: 1}\ngate: {edit: [amount]}")
    )
    assert "`jsn`" in unknown_key.message
    assert edit.hint == "There is `url`."


@pytest.mark.parametrize(
    ("source", "fragment"),
    [
        (gate_file("show: ['{{ 1 + }}']"), "cannot be read"),
        (
            step_file("id: a\nuses: set") + "inputs: {" + "".join(f"k{n}: text, " for n in range(101)) + "}\n",
            "at most 100",
        ),
        (gate_file("title: '  '"), "may not be empty"),
        (step_file(f"id: a\nuses: set\n{'w' * 70}: true"), "has no key"),
        (step_file("id: a\nuses: set") + "x: *a\n" * 300, "is here twice"),
    ],
)
def test_a_rare_mistake_is_reported_too(source: str, fragment: str) -> None:
    assert any(fragment in problem.message for problem in problems_of(source))


def test_all_problems_are_reported_at_once_and_in_order() -> None:
    problems = problems_of(
        "name: Bad Name\n"
        "title: one\n"
        "title: two\n"
        "inputs:\n"
        "  a: txt\n"
        "  b: {type: choice}\n"
        "steps:\n"
        "  - id: one\n"
        "    uses: http\n"
        "    with: {url: '{{ inputs.c }}', methd: GET}\n"
        "    timeot: 5s\n"
        "    gate: {approvers: bob, title: '{{ steps.two.x }}'}\n"
        "  - id: two\n"
        "    uses: stet\n"
        "    retry: 3\n"
        "  - just text\n"
        "  - {id: three, uses: set, with: *x, when: '{{ steps.one.bdoy }}', gate: {expires: 1}}\n"
    )
    assert [(problem.line, problem.path) for problem in problems] == [
        (1, "name"),
        (3, "title"),
        (5, "inputs.a"),
        (6, "inputs.b"),
        (10, "steps[0].with.url"),
        (10, "steps[0].with.methd"),
        (11, "steps[0].timeot"),
        (12, "steps[0].gate.approvers"),
        (12, "steps[0].gate.title"),
        (14, "steps[1].uses"),
        (15, "steps[1].retry"),
        (16, "steps[2]"),
        (17, "steps[3].with"),
        (17, "steps[3].gate.expires"),
    ]


def test_names_of_an_unreadable_part_are_not_reported_as_missing() -> None:
    problems = problems_of(
        "name: a\ninputs: [x]\nsteps:\n"
        "  - {id: one, uses: set, with: [x]}\n"
        "  - {id: two, uses: http, with: 5}\n"
        "  - {id: 3, uses: set, with: {a: '{{ inputs.x }} {{ steps.one.x }} {{ steps.two.body }}'}}\n"
    )
    assert [problem.path for problem in problems] == ["inputs", "steps[0].with", "steps[1].with", "steps[2].id"]


def test_more_than_a_hundred_problems_are_counted_not_listed() -> None:
    problems = problems_of("name: a\nsteps: [{id: a, uses: set}]\n" + "".join(f"k{n}: 1\n" for n in range(150)))
    assert len(problems) == 101
    assert problems[-1].message == "There are 50 more problems. Correct these first."


def test_more_than_a_hundred_steps_are_refused() -> None:
    steps = "".join(f"  - {{id: s{n}, uses: set}}\n" for n in range(101))
    (problem,) = problems_of(f"name: a\nsteps:\n{steps}")
    assert (problem.line, problem.path) == (103, "steps[100]")


def test_no_sentence_has_words_of_pydantic() -> None:
    for source, *_ in WRONG:
        for problem in problems_of(source):
            text = f"{problem.message} {problem.hint}"
            assert "Input should" not in text
            assert "Value error" not in text
            assert problem.message.endswith((".", "?"))
            assert problem.message[0].isupper() or problem.message[0] in "`'"


def test_without_a_kind_that_uses_secrets_no_place_allows_one() -> None:
    with pytest.raises(DefinitionError, match="Secrets cannot be used here"):
        load(step_file("id: a\nuses: page\nwith: {to: '{{ secret.KEY }}'}").encode(), kinds={"page": Page()})


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ("policy: all", "Not all can approve: the person who fills in the form is excluded."),
        ("policy: {quorum: 2}", "A quorum of 2 can never come together from 1: the person who fills in the form is"),
        ("policy: any", None),
        ("policy: all\n    fields: {x: {type: text, default: hi}}", None),
    ],
)
def test_one_who_fills_in_a_form_is_not_counted_where_editors_are_excluded(keys: str, problem: str | None) -> None:
    fields = "" if "fields" in keys else "fields: {x: text}\n"
    people = "approvers: [a@example.com, b@example.com]\nexclude: [editor]\n"
    source = step_file(f"id: ask\nuses: form\n{fields}{people}{keys.replace('    ', '')}")
    found = problems_or_none(source.encode())
    if problem is None:
        assert found is None
    else:
        assert found is not None
        assert problem in found[0].message
