"""The story of a run: a sentence for each kind of entry of the audit log. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import chain
from typing import Any, Final, TypeAlias

from bot.presentation import answers, asks, autonomy, dates, expiry, labels, model_calls, oversight
from bot.presentation.characters import line
from bot.presentation.people import starter
from engine import json_values, runs
from engine.domain import Person, ResumeAnswer
from engine.domain.oversight import OVERSIGHT_WORKFLOW
from engine.json_values import Value
from engine.oversight import plan_sentences
from engine.read_models import DeliveryView, RequestView, RunView
from engine.story_entries import StoryEntry

Content: TypeAlias = Mapping[str, Value]
_WAYS: Final = {"slack": "in Slack", "email": "by email", "terminal": "in the terminal", "callback": "as a callback"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names of people by their ids, the titles of steps by their ids, and the title of the workflow, if known."""

    people: Mapping[str, str]
    steps: Mapping[str, str]
    workflow: str = ""

    def step(self, entry: StoryEntry) -> str:
        """Return the title of the step of an entry, in quotes."""
        step = entry.step or ""
        return f"“{labels.in_words(self.steps.get(step, step))}”"

    @classmethod
    def of_run(cls, run: RunView, requests: Sequence[RequestView], copies: Iterable[DeliveryView]) -> Names:
        """Return the names of all people and steps that the entries of a run may refer to."""
        deciders = (request.decision.person for request in requests if request.decision is not None)
        approvers = (approver.person for request in requests for approver in request.approvers)
        recipients = (copy.person for copy in copies)
        people: Iterable[Person] = chain((run.requester, run.owner), deciders, approvers, recipients)
        return cls(
            people={person.id: starter(person, begins=True) for person in people},
            steps={step: line(label) for step, label in run.step_labels.items()},
            workflow=line(run.workflow_title),
        )


Sentence: TypeAlias = Callable[[StoryEntry, Content, Names], str]


def actor_of(entry: StoryEntry, names: Names) -> str | None:
    """Return the name of the person who acted, or None if no person did."""
    name = names.people.get(entry.actor or "")
    return str(entry.content["actor_name"]) if name is None and entry.content and _has_actor(entry.content) else name


def _has_actor(content: Content) -> bool:
    return isinstance(content.get("actor_name"), str)


def sentence_of(entry: StoryEntry, names: Names) -> str:
    """Return the sentence of an entry. If a person acted, it follows their name."""
    if entry.content is None:
        return "This entry’s content was erased."
    sentence = SENTENCES.get(entry.kind)
    return entry.kind if sentence is None else sentence(entry, entry.content, names)


def _opened_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    people = [str(item.get("name")) for item in _dicts(content.get("approvers"))]
    reason = f" Why: {content['reason']}" if content.get("reason") else ""
    return f"Signoff asks {_joined(people) or 'the approvers'}: “{content.get('title')}”{reason}"


def _decided_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    edited = [_edited_label(item) for item in _dicts(content.get("edits"))]
    text = f"chose “{content.get('verdict')}”"
    if edited:
        text += f", and changed {_joined(edited)}"
    return f"{text}. Reason: {content['reason']}" if content.get("reason") else f"{text}."


def _voted_sentence(entry: StoryEntry, content: Content, names: Names) -> str:
    return f"{_decided_sentence(entry, content, names)} That is {_count(content)}."


def _changed_sentence(entry: StoryEntry, content: Content, names: Names) -> str:
    """Return what was changed, whether that was an approval as well, and whose approvals it voided."""
    edited = _joined([_edited_label(item) for item in _dicts(content.get("edits"))])
    votes, voided = content.get("votes"), content.get("voided")
    given = votes.get("given") if isinstance(votes, dict) else None
    is_vote = isinstance(given, list) and entry.actor in given
    text = f"changed {edited}{f', and approved that: {_count(content)}' if is_vote else ''}."
    people = [names.people.get(str(person), "another person") for person in voided] if isinstance(voided, list) else []
    return f"{text} The approval by {_joined(people)} does not count any more." if people else text


def _count(content: Content) -> str:
    """Return how far the approvals have come: "1 of 2 approvals"."""
    votes = content.get("votes")
    given, needed = (votes.get("given"), votes.get("needed")) if isinstance(votes, dict) else (None, None)
    return f"{len(given) if isinstance(given, list) else 0} of {needed} approvals"


def _person_names(people: Value) -> str:
    return _joined([str(item.get("name")) for item in _dicts(people)]) or "others"


def _edited_label(edit: Mapping[str, Any]) -> str:
    """Return the label of an edit in an entry. Entries of earlier versions may have the path as the label."""
    label, path = str(edit.get("label") or ""), edit.get("path")
    dotted = json_values.show_path(tuple(path)) if isinstance(path, list) else ""
    return line(labels.of_field("" if label == dotted else label, dotted))


def _rejected_sentence(entry: StoryEntry, content: Content, names: Names) -> str:
    return _decided_sentence(entry, content, names) if "verdict" in content else f"The request {expiry.REJECTED}."


def _resumed_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    answer = str(content.get("answer"))
    known = answers.LABELS[ResumeAnswer(answer)] if answer in {*ResumeAnswer} else answer
    return f"answered what happened: “{known}”."


def _remembered_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    if content.get("account"):
        return "signed in with Slack."
    return f"confirmed the address {content.get('address')} with a code."


def _asked_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    to = content.get("to")
    name = to.get("name") if isinstance(to, dict) else None
    return f"asked {name or 'a person'}: “{content.get('text')}”"


def _rated_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    comment = f": “{content['comment']}”" if content.get("comment") else "."
    return f"rated this {content.get('rating')} of 5{comment}"


def _refused_sign_in_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    asked = content.get("asked")
    names = _joined([str(name) for name in asked] if isinstance(asked, list) else [])
    return f"signed in with Slack, and was not asked{f': this is for {names}' if names else ''}. Nothing was decided."


def _handed_on_sentence(entry: StoryEntry, content: Content, names: Names) -> str:
    to = content.get("to")
    successor = line(str(to.get("name"))) if isinstance(to, dict) else "another person"
    for_ = f" for {line(str(content['name']))}" if content.get("name") else ""
    why = f" Reason: {line(str(content['why']))}" if content.get("why") else ""
    if actor_of(entry, names) is not None:
        return f"passed this on: {successor} decides{for_}.{why}"
    return f"{successor} decides{for_}.{why}"


def _dicts(value: Value) -> list[dict[str, Any]]:
    """Return the objects of a JSON list, or none for any other value."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _joined(names: list[str]) -> str:
    """Join names as in a sentence: “Ada, Ben and Mia”."""
    *others, last = names or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _channel_names(content: Content) -> str:
    channels = content.get("channels")
    return _joined([*map(str, channels)]) if isinstance(channels, list) and channels else "other ways"


def _receiver(content: Content, names: Names) -> str:
    # The shared copy names no person.
    shared = content.get("address") if "person" not in content else None
    person = str(shared) if shared else names.people.get(str(content.get("person")), "a person")
    return f"{person} {_WAYS.get(str(content.get('channel')), content.get('channel'))}"


def _clocks_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    """Return the moments that were planned, in UTC, with the working hours that were counted."""
    planned = [
        f" {words}: {dates.moment(datetime.fromisoformat(str(moment)))}."
        for words, moment in (
            ("First reminder", next(iter(_list(content.get("reminders"))), None)),
            ("More people are asked", content.get("escalates_at")),
            ("It ends", content.get("expires_at")),
        )
        if moment is not None
    ]
    hours = f" Working hours: {content['hours']}." if "hours" in content else ""
    free = f" Holidays: {content['holidays']}, from {content.get('library')}." if "holidays" in content else ""
    return f"The time to decide began.{''.join(planned)}{hours}{free}"


def _list(value: Value) -> list[Value]:
    return value if isinstance(value, list) else []


def _escalated_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    people = [str(item.get("name")) for item in _dicts(content.get("approvers"))]
    return f"No one decided in time, so Signoff asks {_joined(people) if people else 'no one new'} as well."


def _shown_sentence(_: StoryEntry, content: Content, names: Names) -> str:
    noun = "The request" if content.get("kind") in (None, "request") else f"The {content.get('kind')}"
    return f"{noun} reached {_receiver(content, names)}."


def _dead_sentence(_: StoryEntry, content: Content, names: Names) -> str:
    return f"{_receiver(content, names)} did not get it: {content.get('error')}"


def _succeeded_sentence(entry: StoryEntry, content: Content, names: Names) -> str:
    path, rule = content.get("path"), content.get("rule")
    if rule:
        doubt = f" {content['doubt']}" if content.get("doubt") else ""
        return f"Rule {str(rule).removeprefix('rule ')} applies.{doubt}"
    return (
        f"{names.step(entry)} takes the path “{labels.in_words(str(path))}”."
        if path
        else f"{names.step(entry)} is done."
    )


def _stopped_sentence(entry: StoryEntry, content: Content, names: Names) -> str:
    if content.get("lapsed"):
        return "The approval was not used in time."
    if content.get("error"):
        return f"The workflow refused this: {content['error']}"
    return f"{names.step(entry)} did not run."


def _granted_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    until = content.get("until")
    when = f" until {dates.moment(datetime.fromisoformat(str(until)))}" if until else ""
    return f"The approval can be used once{when}."


def _outcome_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    result = _OUTCOMES.get(str(content.get("status")), content.get("status"))
    return f"reported {result}{asks.note(str(content['note'])) if content.get('note') else '.'}"


_OUTCOMES: Final = {
    "succeeded": "that it worked",
    "failed": "that it failed",
    "unknown": "that it does not know whether it worked",
}


def _started_sentence(entry: StoryEntry, content: Content, names: Names) -> str:
    attempt = content.get("attempt")
    again = f", attempt {attempt}" if isinstance(attempt, int) and attempt > 1 else ""
    child = f" Its run is {content['child']}." if content.get("child") else ""
    return f"{names.step(entry)} started{again}.{child}"


def _begun_sentence(_: StoryEntry, content: Content, names: Names) -> str:
    if content.get("workflow") == OVERSIGHT_WORKFLOW:
        return "began to ask people."
    title = f"“{names.workflow}”" if names.workflow else str(content.get("workflow"))
    by = f" by a step of run {content['parent']}" if content.get("parent") else ""
    what = f" with {'a reaction to ' if content.get('emoji') else ''}a message in Slack" if content.get("link") else ""
    return f"started {title}{by}{what}."


def _erased_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    what = "what names a person in this run" if content.get("person") else "the contents of this run"
    return f"erased {what}. Reason: {content.get('reason')}"


def _held_sentence(entry: StoryEntry, content: Content, names: Names) -> str:
    until = content.get("until")
    when = f", {dates.moment(datetime.fromisoformat(str(until)))}" if until else ""
    return f"{names.step(entry)} waits for the end of the hold{when}. Until then the approval can be undone."


def _share(value: Value) -> str:
    """Return a share as an entry holds it, in percent."""
    try:
        return plan_sentences.percent(Decimal(str(value)))
    except ArithmeticError:
        return "a share"


def _reviewed_again_sentence(entry: StoryEntry, content: Content, names: Names) -> str:
    why = autonomy.reason(content.get("reason"))
    said = f" Reason: {line(str(content['why']))}" if content.get("why") else ""
    if actor_of(entry, names) is not None:
        return f"brought back the review of everything at {names.step(entry)}, because {why}.{said}"
    return f"Everything is reviewed again at {names.step(entry)}, because {why}.{said}"


_REFUSALS: Final = {
    "foreign": "tried to use what another program asked, and was refused.",
    "consumed": "tried to use the approval once more, and was refused.",
    "arguments": "tried to do something else than what was approved, and was refused.",
}


def _refused_sentence(_: StoryEntry, content: Content, __: Names) -> str:
    return _REFUSALS.get(str(content.get("why")), "was refused.")


def _ended_sentence(text: str) -> Sentence:
    return lambda _, content, __: f"{text} {content['error']}" if content.get("error") else text


SENTENCES: Final[Mapping[str, Sentence]] = {
    "run.started": _begun_sentence,
    "run.cancel_asked": lambda _, content, __: (
        f"cancelled run {content['parent']}, so this one ends as well."
        if content.get("parent")
        else "asked to cancel the run."
    ),
    "run.resumed": _resumed_sentence,
    "run.tried_again": lambda entry, _, names: f"tried again from {names.step(entry)}.",
    "run.stuck": lambda _, content, __: f"This server cannot continue the run: {content.get('error')}",
    "run.succeeded": _ended_sentence("The run is done."),
    "run.failed": _ended_sentence("The run failed."),
    "run.rejected": lambda _, content, __: (
        "The run ended." if content.get("error") else "The run ended, because the request was rejected."
    ),
    "run.expired": lambda _, content, __: (
        "The run ended." if content.get("error") == runs.LAPSED else "The run ended, because no one decided in time."
    ),
    "run.cancelled": _ended_sentence("The run was cancelled."),
    "gate.passed": lambda entry, _, names: f"{names.step(entry)} needs no approval this time.",
    "gate.sampled_out": lambda entry, content, names: (
        f"{names.step(entry)}: {autonomy.NOT_REVIEWED}."
        f"{' People look at it afterwards.' if content.get('later') else ''}"
    ),
    "gate.unanswered": lambda entry, _, names: (
        f"No one decided about {names.step(entry)} in time. The run went on, as its workflow says."
    ),
    "request.opened": _opened_sentence,
    "request.approved": _decided_sentence,
    "request.voted": _voted_sentence,
    "request.changed": _changed_sentence,
    "request.asked": lambda _, content, __: f"Signoff asks {_person_names(content.get('people'))} now.",
    "request.refused_requester": lambda *_: "tried to decide this. The person who started it may not.",
    "request.rejected": _rejected_sentence,
    "request.changes_requested": _decided_sentence,
    "request.skipped": _decided_sentence,
    "request.expired": lambda *_: f"The request {expiry.WITHOUT_DECISION}.",
    "request.fell_back": lambda _, content, __: (
        f"No one has answered yet, so it asks by {_channel_names(content)} too."
    ),
    "request.clocks_started": _clocks_sentence,
    "request.escalated": _escalated_sentence,
    "request.unseen": lambda *_: "The request reached no one, and the owner gets a message.",
    "request.approver_excluded": lambda _, content, __: (
        f"{content.get('name')} can no longer decide: {content.get('why')}."
    ),
    "request.question_asked": _asked_sentence,
    "request.question_answered": lambda _, content, __: f"answered: “{content.get('answer')}”",
    "request.rated": _rated_sentence,
    "request.undone": lambda *_: "undid the approval before anything followed from it. The same is asked again.",
    "request.released": lambda *_: "The approval can no longer be undone.",
    "request.handed_on": _handed_on_sentence,
    "request.withdrawn": lambda *_: "The request was cancelled.",
    "step.started": _started_sentence,
    "step.model_asked": lambda _, content, __: model_calls.outcome(
        str(content.get("model")),
        str(content["problem"]) if content.get("problem") else None,
        answered=content.get("answered") is True,
    ),
    "step.succeeded": _succeeded_sentence,
    "step.skipped": lambda entry, _, names: f"{names.step(entry)} was skipped, because it is not needed this time.",
    "step.stopped": _stopped_sentence,
    "step.sleeping": lambda entry, _, names: f"{names.step(entry)} waits for its time.",
    "step.held": _held_sentence,
    "step.granted": _granted_sentence,
    "ask.consumed": lambda *_: "used the approval.",
    "ask.outcome": _outcome_sentence,
    "ask.refused": _refused_sentence,
    "step.retrying": lambda entry, content, names: (
        f"{names.step(entry)} failed, and is tried again: {content.get('error')}"
    ),
    "step.failed": lambda entry, content, names: f"{names.step(entry)} failed: {content.get('error')}",
    "step.outcome_unknown": lambda entry, content, names: (
        f"It is unknown whether {names.step(entry)} happened: {content.get('error')}"
    ),
    "oversight.opened": lambda _, content, __: oversight.STORY.get(str(content.get("purpose")), "asks people."),
    "oversight.ended": lambda *_: "took note of it.",
    "run.incident": lambda _, content, __: f"reported that something is wrong: {line(str(content.get('why')))}",
    "autonomy.proposed": lambda *_: "Signoff asks whether it is enough to review a share.",
    "autonomy.relaxed": lambda _, content, __: (
        f"agreed that only {_share(content.get('share'))} is reviewed from now on, drawn at random."
    ),
    "autonomy.refused": lambda *_: "Everything stays reviewed, and the counting begins anew.",
    "autonomy.tightened": _reviewed_again_sentence,
    "autonomy.lapsed": _reviewed_again_sentence,
    "content.erased": _erased_sentence,
    "code.exhausted": lambda *_: "A code was typed wrong five times, so it no longer works.",
    "browser.remembered": _remembered_sentence,
    "sign_in.refused": _refused_sign_in_sentence,
    "links.revoked": lambda *_: "The review links of this request no longer work.",
    "delivery.shown": _shown_sentence,
    "delivery.dead": _dead_sentence,
    "callback.turned_off": lambda _, content, __: f"Callbacks are switched off: {content.get('error')}",
    "delivery.retried": lambda _, content, names: f"asked to send it again: {_receiver(content, names)}.",
}
