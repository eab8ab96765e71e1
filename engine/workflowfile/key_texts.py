"""What each key of a workflow file means, in a sentence: for the JSON Schema and for the page of all keys.

The order of the parts is that of the page. A test compares the keys with the grammar.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from engine.fields import Field
from engine.fields.field import Option
from engine.workflowfile import grammar, risk_grammar, route_grammar, rule_grammar


@dataclass(frozen=True, slots=True)
class PartTexts:
    """A part of the file: its name for people, and the meaning of each of its keys."""

    title: str
    keys: Mapping[str, str]


_GATE: Final = {
    "at": "Whether people review the parameters before the step runs, or its output after it.",
    "when": "The gate opens only if this holds. If it cannot be evaluated, the gate opens and says so.",
    "reason": "The reason for asking, which the approvers read.",
    "title": "The question, with its value in it. Without it: the title of the step.",
    "show": "More values that the approvers see and cannot change.",
    "context": "What the proposal says about itself: why, made from what, what follows, how sure.",
    "edit": "The fields that approvers may change: a list of names, or names with their types. [] for none.",
    "approve_label": "The text of the button that approves.",
    "reject_label": "The text of the button that rejects.",
    "approvers": "The people who are asked. Without it: the owner. `policy` says how many have to agree.",
    "policy": "How many approvals are needed: any, all, {quorum: 2}, {chain: [[…], […]]} or an expression.",
    "exclude": "Who may not decide: the person who started the run, or a person who changed the content.",
    "questions": "Whether approvers may ask before they decide, and whether the deadlines go on meanwhile.",
    "expires": "The time to decide. It counts from when the request first reached a person.",
    "on_expiry": "What happens at the end of `expires` without a decision.",
    "escalate": "Asks more people if there is no decision in time.",
    "remind": "Reminds the approvers whose decision is missing.",
    "hours": "Whether the deadlines count working hours.",
    "channels": "Where people are asked, the preferred way first.",
    "email": "Whether approvers are also asked by email.",
    "fallback_after": "With `email: fallback`: the time without a decision before emails are sent.",
    "assurance": "How a person proves on the review page who they are.",
    "confirm_with": "What confirms each decision anew, on every surface.",
    "reason_required": "Which decisions need a reason.",
    "batch": "Whether an approver may decide these requests together with others.",
    "irreversible": "Whether the effect cannot be undone. Its requests are then decided one by one.",
    "feedback": "Whether those who decide are asked for a rating and a comment.",
    "revise": "The earlier step that runs again when an approver asks for changes.",
    "revise_limit": "How often changes can be asked for in one run.",
    "on_reject": "The later step with which the run goes on after a rejection. Without it, the run ends.",
    "confirm": "A question that the approver has to confirm before an approval counts.",
    "hold": "How long the run waits after an approval, which can be undone until then.",
    "autonomy": "Lets a share through without review once people agree.",
    "risk": "Tells a level of risk, and asks more people, or no one, by a table.",
    "amount": "The amount that the limits of approvers are compared with.",
}
_STEP: Final = {
    "id": "The name by which later steps read its output: steps.<id>.…",
    "uses": "The kind of the step.",
    "with": "The parameters. Their names depend on `uses`.",
    "title": "The text by which people know the step, without expressions.",
    "when": "The step runs only if this holds. Otherwise it is skipped and has no output.",
    "retry": "How often the step is tried if it fails.",
    "timeout": "The longest time of one attempt.",
    "idempotent": "Whether repeating the step is harmless.",
    "on_error": "What happens if the step fails: the run stops or goes on, or people are asked.",
    "approvers": "With `on_error: ask`: the people who are asked. Of a form: the people who fill it in.",
    "gate": "Lets people approve, edit or reject the step. `true` takes every default.",
}

TEXTS: Final[Mapping[type[BaseModel], PartTexts]] = {
    grammar.WorkflowFile: PartTexts(
        "The workflow",
        {
            "name": "The name of the workflow. Registering a file with the same name makes a new version.",
            "title": "The text that people see.",
            "description": "What the workflow is for.",
            "owner": "Who approves where a gate names no one, and gets messages about failures. "
            "Without it: the owner of the version before, or of a new workflow the person who registers it.",
            "protected": "Whether another person has to approve a new version before it counts.",
            "inputs": "The values that a run needs to start, by name.",
            "may_run": "The people who may start it; the owner always may. Without it: every member.",
            "seeded": "Tests of attention: of what a person is asked here, at most one in so many is made up.",
            "triggers": "What starts it besides people.",
            "examples": "Runs as you expect them, which `signoff check --examples` plays.",
            "steps": "What happens, one step after the other.",
            "output": "What a run returns to the run that started it, by name.",
            "routes": "Who is asked, by rules that gates name in `approvers`.",
        },
    ),
    Field: PartTexts(
        "A field",
        {
            "type": "The type of its values.",
            "label": "The text that people see. Without it: the name in words.",
            "help": "A sentence for the person who fills it in.",
            "default": "The value if none is given.",
            "required": "Whether a value has to be given. Without it: true, unless there is a default.",
            "min": "The lowest value of a number, amount, date or time.",
            "max": "The highest value of a number, amount, date or time.",
            "max_length": "The longest text, in characters.",
            "options": "What a choice chooses from.",
            "currency": "The only currency of the money, like EUR.",
            "types": "The media types of the files that it takes, like image/*.",
            "max_size": "The largest size of a file, like 5MB.",
            "blank": "What an empty text of an optional field is: none, or a text to keep.",
        },
    ),
    Option: PartTexts("An option of a field", {"value": "For the workflow.", "label": "For people."}),
    grammar.TriggerFile: PartTexts(
        "A trigger",
        {
            "schedule": "When it starts a run: five fields as in cron, or `every 15m`.",
            "timezone": "The time zone of the five fields, like Europe/Berlin.",
            "missed": "What happens to times at which no server ran.",
            "overlap": "What happens if the run that it started before has not ended.",
            "inputs": "The inputs of the run. Expressions read `trigger` here.",
            "webhook": "A call of another system starts a run.",
            "message": "People start a run from the menu of a message in Slack.",
            "reaction": "People start a run with an emoji on a message in Slack.",
            "email": "People start a run with an email to the address of the workflow.",
        },
    ),
    grammar.WebhookFile: PartTexts(
        "`webhook` of a trigger",
        {
            "secret": "The name of the secret that proves who calls.",
            "header": "The header that holds the secret, for a sender that cannot sign.",
        },
    ),
    grammar.ReactionFile: PartTexts(
        "`reaction` of a trigger", {"emoji": "The emoji, like eyes.", "channel": "The Slack channel."}
    ),
    grammar.StepFile: PartTexts("A step", _STEP),
    grammar.RetryFile: PartTexts(
        "`retry` of a step",
        {
            "attempts": "How many attempts in all.",
            "wait": "The time before the second attempt; later ones wait longer.",
        },
    ),
    grammar.FormStepFile: PartTexts(
        "A form", {**_STEP, **_GATE, "fields": "What people fill in, by name.", "approvers": "Who fills it in."}
    ),
    grammar.BranchStepFile: PartTexts(
        "A branch",
        {
            **_STEP,
            "paths": "The paths by name. The first whose condition holds is taken.",
            "otherwise": "The steps if no condition holds.",
        },
    ),
    grammar.PathFile: PartTexts(
        "A path of a branch", {"when": "The path is taken if this holds.", "steps": "The steps on this path."}
    ),
    grammar.ForeachStepFile: PartTexts("A foreach", {**_STEP, "steps": "The steps that run for each item."}),
    grammar.GateFile: PartTexts("A gate", _GATE),
    grammar.PolicyFile: PartTexts(
        "`policy` of a gate",
        {
            "quorum": "How many of the approvers have to approve.",
            "chain": "Groups that are asked one after the other; one person of each has to approve.",
        },
    ),
    grammar.EscalateFile: PartTexts(
        "`escalate` of a gate",
        {"after": "The time without a decision. Without it: at the end of `expires`.", "to": "Who is asked as well."},
    ),
    grammar.RemindFile: PartTexts(
        "`remind` of a gate",
        {
            "after": "The time before the first reminder.",
            "every": "The time between reminders.",
            "times": "How many reminders in all.",
        },
    ),
    grammar.PostToFile: PartTexts(
        "An entry of `channels`", {"post_to": "The Slack channel in which the request is posted."}
    ),
    grammar.ShowFile: PartTexts("An entry of `show`", {"label": "The text before it.", "value": "What is shown."}),
    grammar.ContextFile: PartTexts(
        "`context` of a gate",
        {
            "reasoning": "Why this is proposed.",
            "data": "What it is made from.",
            "impact": "What follows if it is approved.",
            "confidence": "How sure the proposal is.",
        },
    ),
    grammar.AutonomyFile: PartTexts(
        "`autonomy` of a gate",
        {
            "clean": "So many in a row are reviewed without a correction before people are asked.",
            "sample": "The share that is reviewed then, drawn at random.",
            "review_after": "Of what goes through, the share that people look at afterwards.",
            "only_when": "The author's cap: what is beyond it is always reviewed.",
            "class": "What is counted by itself, such as the kind of action.",
            "minor": "Fields whose change is no correction.",
        },
    ),
    risk_grammar.RiskFile: PartTexts(
        "`risk` of a gate",
        {
            "reversible": "Whether the effect can be undone.",
            "impact": "How much is at stake: a number or an amount.",
            "confidence": "How sure the proposal is, from 0 to 1.",
            "levels": "The levels low, medium, high and critical: when each holds, and what the gate asks then.",
        },
    ),
    risk_grammar.LevelFile: PartTexts(
        "A level of a risk",
        {
            "if": "When the level holds: conditions like {impact: over 500}, or a list of alternatives.",
            "opens": "Whether the gate opens at this level.",
            "approvers": "Who is asked at this level.",
            "policy": "How many approvals are needed at this level.",
            "assurance": "How a person proves who they are at this level.",
            "confirm_with": "What confirms a decision at this level.",
            "expires": "The time to decide at this level.",
        },
    ),
    route_grammar.RouteRuleFile: PartTexts(
        "A rule of a route",
        {
            "to": "Who is asked.",
            "when": "The rule applies only if this holds.",
            "action": "The rule applies to these tools or steps: a pattern, or a list of them.",
            "department": "The rule applies to people of these departments.",
            "working": "Whether only people who work now are asked.",
            "least_loaded": "Asks so many of them, those with the fewest open requests.",
            "expires": "The time to decide, in the place of that of the gate.",
            "escalate": "Asks more people if there is no decision in time.",
            "because": "Why these people are asked, which they read.",
        },
    ),
    grammar.ExampleFile: PartTexts(
        "An example",
        {
            "name": "What the example shows.",
            "inputs": "The inputs of the run.",
            "ask": "What a program asks, in the place of inputs.",
            "outputs": "What each step returns that calls something, by step.",
            "failures": "The errors of the first calls, by step.",
            "answers": "What approvers answer, by step.",
            "expect": "What has to happen. What is left out is not compared.",
        },
    ),
    grammar.ExampleAnswerFile: PartTexts(
        "An answer of an example",
        {
            "edit": "Approves with these values.",
            "reject": "Rejects for this reason.",
            "revise": "Asks for these changes.",
            "retry": "About a failure: tries again with these values.",
        },
    ),
    grammar.ExpectFile: PartTexts(
        "`expect` of an example",
        {
            "asks": "Every step about which people are asked, with the people, or `true` for anyone.",
            "calls": "The steps that call something, in order.",
            "ends": "How the run ends.",
        },
    ),
    rule_grammar.RulesFile: PartTexts(
        "A file with rules",
        {
            "name": "The name of the workflow. An ask that names none gets the one with the name approvals.",
            "title": "The text that people see.",
            "description": "What the rules are for.",
            "owner": "Who approves where a gate names no one.",
            "protected": "Whether another person has to approve a new version before it counts.",
            "examples": "Asks as you expect them, which `signoff check --examples` plays.",
            "rules": "The rules. The first that matches counts; if none does, the ask is rejected.",
            "routes": "Who is asked, by rules that gates name in `approvers`.",
        },
    ),
    rule_grammar.RuleFile: PartTexts(
        "A rule",
        {
            "name": "What people call the rule, if not by its patterns.",
            "tool": "A pattern for the name of the tool, or a list of them.",
            "server": "A pattern for the server of the tool, or a list of them.",
            "agent": "A pattern for the name of the API key, or a list of them.",
            "risk": "The risks that the program names.",
            "when": "The rule matches only if this holds.",
            "approve": "`true` lets it pass at once, without asking people.",
            "reject": "Rejects it at once with this sentence, which the program reads.",
            "gate": "Asks people: the keys of a gate, or `true` for the owner.",
            "valid_for": "How long the program may use an approval.",
            "outcome_within": "How long the program has to report what became of it.",
        },
    ),
}
"""The texts of each part, by the model that reads it."""
