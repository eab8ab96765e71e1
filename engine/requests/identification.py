"""The identification that a decision needs: how sure it is who decides, and what confirms exactly this decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from engine.domain import (
    AnswerQuestion,
    AskQuestion,
    Assurance,
    ConfirmElsewhere,
    Decide,
    GiveRating,
    NeedsCode,
    NeedsSignIn,
    Person,
    Refusal,
    Undo,
    Verdict,
)
from engine.requests.model import Request
from engine.workflowfile.workflow import SKIP, STOP, TRY_AGAIN

Identified: TypeAlias = Decide | AskQuestion | AnswerQuestion | GiveRating | Undo
"""A command that says who gives it, and how sure that is."""
_IS_SIGNED_IN: Final = frozenset({Assurance.SSO, Assurance.SLACK})
"""Identifications by the person's own account. A person who clicks in Slack is signed in there."""
_CONFIRMS: Final[Mapping[Assurance, frozenset[Assurance | None]]] = {
    Assurance.CODE: frozenset({Assurance.CODE, Assurance.SSO}),
    Assurance.SSO: frozenset({Assurance.SSO}),
}
"""What confirms a decision, by the `confirm_with` of its gate."""


def check_identification(request: Request, command: Decide, person: Person) -> Refusal | None:
    """Return the refusal that asks the person for a code or a sign-in, or None.

    It comes last: a person is asked only if nothing else is left to fix. A sign-in comes before a code, which it makes
    unnecessary.
    """
    wanted = _wanted_confirmation(request, command)
    is_confirmed = wanted is None or command.confirmed in _CONFIRMS[wanted]
    if wanted is Assurance.SSO and not is_confirmed:
        return _sign_in_for(command)
    refusal = check_assurance(request, command, confirmed=command.confirmed)
    return refusal or (None if is_confirmed else _code_for(command, person))


def _wanted_confirmation(request: Request, command: Decide) -> Assurance | None:
    """Return what has to confirm the decision. On a page, a code would not show that the person is signed in."""
    if request.confirm_with and request.assurance is Assurance.SSO and command.assurance is not Assurance.SLACK:
        return Assurance.SSO
    return request.confirm_with


def check_assurance(
    request: Request, command: Identified, *, confirmed: Assurance | None = None, has_account: bool = True
) -> Refusal | None:
    """Return the refusal if the person who acts has to be identified better, or None.

    `has_account`: without one they cannot decide, and a code is enough for what is left to them.
    """
    if request.assurance is Assurance.SSO and has_account:
        is_proven = command.assurance in _IS_SIGNED_IN or confirmed is Assurance.SSO
        return None if is_proven else _sign_in_for(command)
    if command.assurance is Assurance.LINK and request.assurance is not Assurance.LINK:
        return NeedsCode(address=command.actor.value)
    return None


def _code_for(command: Decide, person: Person) -> Refusal:
    if command.assurance is Assurance.TERMINAL:
        return ConfirmElsewhere(how=Assurance.CODE)
    return NeedsCode(address=command.actor.value if command.actor.kind == "email" else person.email or "")


def _sign_in_for(command: Identified) -> Refusal:
    """Return the refusal that asks for a sign-in. A terminal has no browser to sign in with."""
    return ConfirmElsewhere(how=Assurance.SSO) if command.assurance is Assurance.TERMINAL else NeedsSignIn()


def label_of_verdict(verdict: Verdict, approve: str, reject: str) -> str:
    """Return the words on the button of a verdict. `approve`, `reject`: the labels of a request."""
    labels = {Verdict.APPROVE: approve, Verdict.REVISE: ASK_FOR_CHANGES, Verdict.SKIP: SKIP, Verdict.REJECT: reject}
    return labels[verdict]


def meaning(label: str, title: str) -> str:
    """Return what a signature means, from the label of the button and the question: “Approved: Pay the rent?”."""
    return f"{_SAID.get(label, label)}: {title}"


ASK_FOR_CHANGES: Final = "Ask for changes"
"""The words on the button of the verdict `revise`."""
_SAID: Final = {
    ASK_FOR_CHANGES: "Asked for changes",
    TRY_AGAIN: "Tried again",
    SKIP: "Skipped",
    STOP: "Stopped",
    "Approve": "Approved",
    "Reject": "Rejected",
    "Submit": "Submitted",
}
"""The usual labels, as the person who signs has done it. A label of a workflow file stands as it is."""
