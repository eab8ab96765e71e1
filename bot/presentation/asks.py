"""The words about programs that ask: who asks, for what, which texts are their own, and what became of it. Pure.

What a program says about itself must never pass for words of Signoff or of a workflow: its texts have labels of their
own, and its names stand in quotes or lose what could end them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from bot.presentation.characters import line, sentence, visible
from engine.domain import CardFact, Phrase, StepStatus, Tone
from engine.domain.ask_facts import REASON, RISK, TITLE, AskFacts, AskGrant
from engine.domain.asks import AskStatus, AskUse, OutcomeStatus
from engine.json_values import Value
from engine.read_models import RequestView, RunView, StepView
from engine.requests import clip
from engine.workflowfile.step_kinds import ASK

PROGRAM: Final = "API key"
"""What tells a program from a person."""
_NAME: Final = 40
"""Longest name of a program or tool within a sentence or a label, in characters."""
_ARGUMENT: Final = 76
"""Longest label of an argument in quotes, in characters: as much as a card shows."""
_NOTE: Final = 300
"""Longest note of a program on a card, in characters."""
_PLAIN: Final = re.compile(r"[\w .\-/()]+")
"""Names of arguments that cannot be taken for a label of ours, all of which have a comma."""
_QUOTES: Final = re.compile(r'["\u00ab\u00bb\u201c-\u201f\u2039\u203a]')
"""Marks that could end a quotation before its end."""


def name_of(facts: AskFacts) -> str:
    """Return the name of the program, as short as a sentence needs it."""
    return clip(line(facts.agent), _NAME) or "A program"


def program(name: str) -> str:
    """Return the name of a program with what tells it from a person."""
    return f"{clip(line(name), _NAME)} ({PROGRAM})"


def lead(facts: AskFacts) -> str:
    """Return who asks, and what it is about to call, as a sentence of ours."""
    principal = f" for {line(facts.acts_for)}" if facts.acts_for else ""
    what = f" to call {quoted(facts.tool)}" if facts.tool else ""
    where = f" on {quoted(facts.server)}" if facts.server else ""
    own = " It wrote the title." if TITLE in facts.claims else ""
    return f"{name_of(facts)} ({PROGRAM}) asks{principal}{what}{where}.{own}"


def quoted(text: str, length: int = _NAME) -> str:
    """Return a text in quotes that nothing in it can end, cut to `length` characters."""
    inside = _QUOTES.sub("'", clip(line(text), length))
    return f"“{inside}”"


def is_claim(facts: AskFacts | None, key: str) -> bool:
    """Return whether a text of a request is the program's own."""
    return facts is not None and key in facts.claims


def reason(facts: AskFacts | None, fact: CardFact) -> CardFact:
    """Return why people are asked. What a program says of its call as a whole is a summary."""
    return claim(facts, REASON, replace(fact, label="Summary") if is_claim(facts, REASON) else fact)


def claim(facts: AskFacts | None, key: str, fact: CardFact) -> CardFact:
    """Return a text of a request, whose label says so if it is the program's own."""
    if facts is None or key not in facts.claims:
        return fact
    return replace(fact, label=f"{fact.label}, says {name_of(facts)}", is_about=True, is_claim=True)


def argument(label: str) -> str:
    """Return the label of an argument. One that could be taken for a label of ours stands in quotes."""
    return label if _PLAIN.fullmatch(label) else quoted(label, _ARGUMENT)


def from_workflow(label: str) -> str:
    """Return the label of a line that the workflow adds to the arguments of a call."""
    return f"{label}, from the workflow"


def risk(facts: AskFacts) -> Iterator[CardFact]:
    """Yield the risk that the program names."""
    if facts.risk:
        yield claim(facts, RISK, CardFact(label="Risk", text=(line(facts.risk),)))


def details(facts: AskFacts) -> Iterator[CardFact]:
    """Yield the technical facts about what a program asks."""
    yield CardFact(label="Asked by", text=(program(facts.agent),))
    for label, text in (("Tool", facts.tool), ("Server", facts.server), ("Rule", facts.rule)):
        if text:
            yield CardFact(label=label, text=(line(text.removeprefix("rule ")),))
    once = "may do this once" if facts.use is AskUse.ONCE else "gets the answer"
    yield CardFact(label="If approved", text=(f"{name_of(facts)} {once}",))


# -- the run of an ask --------------------------------------------------------------------------------------


def of_run(run: RunView) -> Mapping[str, Value] | None:
    """Return what the program asked that started a run, or None if no program did."""
    is_ask = run.origin.surface == _SURFACE and run.inputs.keys() >= _PARTS
    return run.inputs if is_ask else None


def title(run: RunView) -> str:
    """Return the title of the ask that started a run, or an empty text."""
    asked = of_run(run)
    return line(str(asked["title"])) if asked is not None else ""


def step_label(run: RunView, step: StepView) -> str:
    """Return what a step of unknown outcome is about: of an ask, what was asked."""
    return (title(run) if step.uses == ASK else "") or step.label


def inputs(asked: Mapping[str, Value]) -> dict[str, Value]:
    """Return what a program asked, as the record of a run shows it: its call, then what it said about that."""
    arguments = asked.get("arguments")
    call = {name: asked[name] for name in ("tool", "server") if asked.get(name)}
    said = {name: asked[name] for name in _SAID if asked.get(name)}
    return {**call, **({"arguments": arguments} if arguments else {}), **({"agent_says": said} if said else {})}


_SURFACE: Final = "api"
_PARTS: Final = frozenset({"title", "arguments", "agent", "use"})
_SAID: Final = ("title", "summary", "risk", "reasoning", "data", "impact", "confidence")


# -- what became of an approval -----------------------------------------------------------------------------


def effect(request: RequestView, facts: AskFacts) -> str | None:
    """Return what became of an approval, or None while nothing did, or if the program only reads the answer."""
    grant, status = request.grant, request.effect.status if request.effect is not None else None
    name = name_of(facts)
    if grant is None or facts.use is AskUse.ANSWER:
        return None
    if grant.consumed_at is None:
        return _UNUSED.get(grant.status, "").replace("NAME", name) or None
    if grant.outcome in _KNOWN:
        result = "it worked" if grant.outcome is OutcomeStatus.SUCCEEDED else "it failed"
        return f"{name} reported that {result}{_note(grant)}"
    if status is StepStatus.OUTCOME_UNKNOWN:
        return f"{name} {_unknown(grant)} The owner was asked."
    if status is StepStatus.SUCCEEDED:
        return "The owner found out that it worked"
    if status is StepStatus.FAILED:
        return "The owner stopped the run, because it is not known whether it worked"
    return None


_KNOWN: Final = frozenset({OutcomeStatus.SUCCEEDED, OutcomeStatus.FAILED})
_UNUSED: Final = {
    AskStatus.EXPIRED: "NAME did not use it in time",
    AskStatus.CANCELLED: "It was withdrawn before NAME used it",
}


def _unknown(grant: AskGrant) -> str:
    if grant.outcome is OutcomeStatus.UNKNOWN:
        return f"used it, and does not know whether it worked{_note(grant)}".rstrip(".") + "."
    return "used it, and has not said whether it worked."


def _note(grant: AskGrant) -> str:
    return note(grant.note) if grant.note else ""


def note(text: str) -> str:
    """Return what a program added to an outcome, as the end of a sentence."""
    return f": {quoted(text, _NOTE)}"


def late_report(request: RequestView | None) -> Phrase:
    """Return what the program said at last about an approval of which it was not known what became of it, or nothing.

    It said so after the run was stopped or cancelled, so nothing followed from it.
    """
    grant, effect_ = (request.grant, request.effect) if request is not None else (None, None)
    if request is None or request.model.ask is None or grant is None or effect_ is None:
        return ()
    is_late = effect_.ended_at is not None and grant.outcome_at is not None and grant.outcome_at > effect_.ended_at
    words = effect(request, request.model.ask) if is_late and grant.outcome in _KNOWN else None
    return () if words is None or grant.outcome_at is None else (f"{words}, ", grant.outcome_at)


def open_grant(request: RequestView) -> Phrase:
    """Return what an approval waits for: that the program uses it, or says how it went. Nothing if it does not wait."""
    facts, grant = request.model.ask, request.grant
    if facts is None or grant is None or facts.use is AskUse.ANSWER or grant.status is not AskStatus.APPROVED:
        return ()
    name = name_of(facts)
    if grant.consumed_at is None:
        return () if grant.valid_until is None else (f"{name} may use it until ", grant.valid_until)
    status = request.effect.status if request.effect is not None else None
    if status is StepStatus.STARTED:
        return (f"{name} used it, ", grant.consumed_at, ", and has not reported yet")
    return ()


def effect_at(grant: AskGrant) -> datetime | None:
    """Return when the program said what became of the approval, or until when it could have used it."""
    if grant.consumed_at is None:
        return None
    return grant.outcome_at if grant.outcome in _KNOWN else None


def effect_tone(request: RequestView) -> Tone | None:
    """Return the tone of `effect`."""
    grant, status = request.grant, request.effect.status if request.effect is not None else None
    if grant is None or effect_is_open(grant):
        return Tone.EXPIRED if grant is not None and grant.status is AskStatus.EXPIRED else None
    if grant.outcome in _KNOWN:
        return Tone.DONE if grant.outcome is OutcomeStatus.SUCCEEDED else Tone.FAILED
    if status is StepStatus.OUTCOME_UNKNOWN:
        return Tone.ATTENTION
    if status is StepStatus.FAILED and grant.outcome is not OutcomeStatus.FAILED:
        return None
    return {StepStatus.SUCCEEDED: Tone.DONE, StepStatus.FAILED: Tone.FAILED}.get(status) if status else None


def effect_is_open(grant: AskGrant) -> bool:
    """Return whether the approval was not used."""
    return grant.consumed_at is None


def refusal(error: str) -> str:
    """Return why a workflow refused what a program asked."""
    return sentence(visible(error))
