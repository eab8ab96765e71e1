"""Every refusal has one sentence, which every surface uses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from bot.presentation import refusals
from engine.domain import (
    AloneReason,
    AlreadyAnswered,
    AlreadyDecided,
    AlreadyUndone,
    AlreadyVoted,
    Assurance,
    BodyRefused,
    Cancelled,
    CannotAnswer,
    CannotAsk,
    CannotConfirm,
    CannotRate,
    CannotRevise,
    CannotSkip,
    CannotTakeOver,
    CannotUndo,
    Changed,
    CodeExpired,
    ConfirmElsewhere,
    Contested,
    DecideAlone,
    Expired,
    FileRefused,
    HandedOn,
    InvalidEdits,
    InvalidInputs,
    InvalidPreferences,
    LinkState,
    NeedsCode,
    NeedsSignIn,
    NoAnswerNeeded,
    NoLink,
    NoLongerApprover,
    NotAllowed,
    NotAnApprover,
    NotAsked,
    NotFound,
    NotWaiting,
    NotYourTurn,
    OverLimit,
    OwnEdit,
    OwnRequest,
    Person,
    QueueFull,
    ReasonMissing,
    Refusal,
    RequestState,
    ResumeAnswer,
    RiskRaised,
    RunStatus,
    SignedInAsOther,
    SignInExpired,
    StillRunning,
    TooManyCodes,
    Verdict,
    WebhookUnknown,
    WhosePlace,
    WrongCode,
)
from engine.domain.api_keys import (
    ApiAction,
    ApiKeyEnded,
    ApiKeyForbids,
    ApiKeyRefused,
    ApiKeyRotated,
    InvalidApiKey,
    TooManyCalls,
)
from engine.domain.asks import (
    AlreadyConsumed,
    ApprovalLapsed,
    ArgumentsChanged,
    AskOver,
    AskStatus,
    AskWorkflowMissing,
    IdempotencyConflict,
    InvalidAsk,
    NotApproved,
    NotConsumed,
    OnlyByAsk,
    OutcomeAlreadyKnown,
    OutcomeStatus,
)
from engine.domain.callbacks import InvalidCallback
from engine.domain.secret_commands import InvalidSecret, NoSecretKey
from engine.domain.workflow_commands import NewerVersion, WorkflowDisabled, WorkflowState

AT: Final = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
LEE: Final = Person(id="p1", name="Lee")
ABOUT_ASKS: Final[list[tuple[Refusal, str]]] = [
    (
        InvalidAsk(errors={"title": "is missing", "fields.region": "has no type."}),
        "Nothing was asked. title is missing. fields.region has no type.",
    ),
    (
        IdempotencyConflict(run="06adb887b1p5hbhhg"),
        "This idempotency key was used before with another content, for 06adb887b1p5hbhhg. Use a new key.",
    ),
    (
        AskWorkflowMissing(workflow="approvals"),
        "There is no workflow “approvals” that says who is asked. Register one, such as the approvals.yaml of the "
        "README: signoff register approvals.yaml",
    ),
    (
        AskWorkflowMissing(workflow="expense", takes_none=True),
        "The workflow “expense” takes no asks: it has no step with `uses: ask`. Name another workflow.",
    ),
    (OnlyByAsk(workflow="approvals"), "approvals decides about what programs ask, so only an ask starts it."),
    (
        NotApproved(status=AskStatus.PENDING),
        "This was not decided yet. Wait until it is approved, then consume the approval.",
    ),
    (NotApproved(status=AskStatus.REJECTED), "This was rejected. Do not act on it."),
    (
        NotApproved(status=AskStatus.APPROVED, answers=True),
        "This was asked with `use: answer`, so there is nothing to consume. To act on it, ask with `use: once`.",
    ),
    (
        AlreadyConsumed(at=AT),
        "This approval was already consumed, Mar 2, 2026, 9:30 AM UTC. An approval can be used only once; ask again.",
    ),
    (ApprovalLapsed(at=AT), "This approval could be used until Mar 2, 2026, 9:30 AM UTC. Ask again."),
    (
        ArgumentsChanged(names=("amount", "to")),
        "This is not what was approved (amount, to). Nothing was consumed. "
        "Act on the approved arguments, or ask again.",
    ),
    (
        ArgumentsChanged(),
        "This is not what was approved. Nothing was consumed. Act on the approved arguments, or ask again.",
    ),
    (NotConsumed(), "This approval was not consumed, so it has no outcome. Consume it before you act."),
    (OutcomeAlreadyKnown(status=OutcomeStatus.FAILED), "The outcome of this is known already: failed."),
    (
        OutcomeAlreadyKnown(status=OutcomeStatus.SUCCEEDED, at=AT),
        "The outcome of this is known already: succeeded, Mar 2, 2026, 9:30 AM UTC.",
    ),
    (AskOver(status=AskStatus.EXPIRED), "There is nothing to cancel: this expired."),
]
SENTENCES: Final[list[tuple[Refusal, str]]] = [
    *ABOUT_ASKS,
    (
        AlreadyVoted(at=AT, waiting=("Lee", "Kim")),
        "You already approved this, Mar 2, 2026, 9:30 AM UTC. Waiting for Lee or Kim.",
    ),
    (
        AlreadyVoted(at=AT, waiting=("Lee", "Kim"), all_needed=True),
        "You already approved this, Mar 2, 2026, 9:30 AM UTC. Waiting for Lee and Kim.",
    ),
    (
        NotYourTurn(waiting=("Lee", "Kim")),
        "It is not your turn yet. Waiting for Lee or Kim. You'll get a message when it is.",
    ),
    (
        NotYourTurn(waiting=("Lee",), approved_by="Kim"),
        "Kim already approved this, so you don't need to. Waiting for Lee.",
    ),
    (OwnRequest(approvers=("Lee", "Kim")), "You started this, so another person decides. Lee or Kim can decide."),
    (OwnRequest(approvers=()), "You started this, so another person decides. No approver is left."),
    (OwnEdit(approvers=("Lee",)), "You changed this, so another person has to approve it. Waiting for Lee."),
    (
        OverLimit(limit="5 EUR", amount="8 EUR", approvers=("Lee", "Kim")),
        "You may approve up to 5 EUR, and this is 8 EUR. Lee or Kim can decide.",
    ),
    (
        OverLimit(limit="5 EUR", amount="8 EUR", is_edited=True, approvers=()),
        "You may approve up to 5 EUR, and with your change it would be 8 EUR. No one who is asked may approve it. "
        "Reject it, or ask the owner of the workflow to hand it on.",
    ),
    (
        OverLimit(limit="5 EUR", amount=None, unclear="it is missing", approvers=("Lee",)),
        "Signoff could not tell the amount, so it counts as above your limit of 5 EUR. Lee can decide.",
    ),
    (
        RiskRaised(level="high", before="low"),
        "With this change the risk is high and not low, so it has to be asked anew. "
        "Approve it without the change, or reject it and say what you would change.",
    ),
    (OwnEdit(approvers=()), "You changed this, so another person has to approve it. No approver is left."),
    (
        DecideAlone(why=AloneReason.IRREVERSIBLE),
        "Open this request and decide it separately: what follows cannot be undone.",
    ),
    (HandedOn(to="Kim"), "You can no longer decide this request. Kim decides in your place."),
    (CannotAsk(why="off"), "This workflow takes no questions. You can still decide."),
    (CannotAsk(why="empty"), "Write your question first."),
    (CannotAsk(why="too_long"), "Your question is too long. It may have up to 3,000 characters."),
    (
        CannotAsk(why="too_many"),
        "20 questions about this request wait for an answer. You can ask once some are answered.",
    ),
    (CannotAsk(why="yourself"), "You cannot ask yourself. Choose another person."),
    (
        CannotAsk(why="unreachable", to="Kim"),
        "Signoff has no way to reach Kim, so the question was not sent. Ask another person.",
    ),
    (CannotAnswer(why="empty"), "Write your answer first."),
    (CannotAnswer(why="too_long"), "Your answer is too long. It may have up to 3,000 characters."),
    (
        CannotSkip(),
        "Only a step that failed can be skipped, and this one has not run. Approve it, edit it, or reject it.",
    ),
    (
        AlreadyDecided(state=RequestState.APPROVED, by=LEE, at=AT, about_failure=True),
        "Lee already tried this step again, Mar 2, 2026, 9:30 AM UTC. No other decision is needed.",
    ),
    (
        AlreadyDecided(state=RequestState.SKIPPED, by=LEE, at=AT, by_you=True, about_failure=True),
        "You already skipped this step, Mar 2, 2026, 9:30 AM UTC. No other decision is needed.",
    ),
    (
        AlreadyDecided(state=RequestState.REJECTED, by=LEE, at=AT, about_failure=True),
        "Lee already stopped the run, Mar 2, 2026, 9:30 AM UTC. No other decision is needed.",
    ),
    (CannotRevise(), "This workflow takes no requests for changes here. Approve it, edit it, or reject it."),
    (
        CannotRevise(rounds=1),
        "Changes were asked for once already. This workflow allows no more. Approve it, edit it, or reject it.",
    ),
    (
        CannotRevise(rounds=3),
        "Changes were asked for 3 times already. This workflow allows no more. Approve it, edit it, or reject it.",
    ),
    (CannotUndo(why="off"), "This workflow gives no time to undo an approval."),
    (
        CannotUndo(why="elsewhere"),
        "You have to sign in with Slack to undo this. Undo it in Slack or on its page.",
    ),
    (CannotUndo(why="not_approved"), "This is not approved, so there is nothing to undo."),
    (CannotUndo(why="not_yours", names=("Lee", "Kim")), "Only Lee or Kim can undo this."),
    (CannotUndo(why="over"), "It is too late to undo this. The run went on."),
    (
        CannotUndo(why="over", at=AT),
        "It is too late to undo this. The run went on Mar 2, 2026, 9:30 AM UTC.",
    ),
    (
        CannotUndo(why="cancelled", at=AT),
        "The run was cancelled, so nothing follows from this approval and there is nothing to undo.",
    ),
    (
        CannotUndo(why="inactive"),
        "Your account is not active any more, so you cannot undo this. Ask the owner of the workflow.",
    ),
    (
        AlreadyUndone(by=LEE, at=AT),
        "Lee already undid the approval, Mar 2, 2026, 9:30 AM UTC. Everyone is asked again.",
    ),
    (
        AlreadyUndone(by=LEE, at=AT, by_you=True),
        "You already undid the approval, Mar 2, 2026, 9:30 AM UTC. Everyone is asked again.",
    ),
    (ReasonMissing(verdict=Verdict.REVISE), "Please say what should change."),
    (CannotRate(why="off"), "No rating is asked for here."),
    (CannotRate(why="not_yet"), "You can rate this once you have decided."),
    (CannotRate(why="not_yours"), "Only the people who decided this can rate it."),
    (CannotRate(why="rating"), "Choose a rating from 1 to 5."),
    (CannotRate(why="too_long"), "Your comment is too long. It may have up to 3,000 characters."),
    (NotAsked(asked="Kim"), "This question is for Kim, so only they can answer it."),
    (NotAsked(asked=None), "There is no question for you about this request."),
    (
        AlreadyAnswered(by="Kim", by_you=True, at=AT),
        "You already answered this question, Mar 2, 2026, 9:30 AM UTC. Your new text was not saved.",
    ),
    (
        AlreadyAnswered(by="Kim", by_you=False, at=AT),
        "Kim already answered this question, Mar 2, 2026, 9:30 AM UTC. Your new text was not saved.",
    ),
    (
        NoAnswerNeeded(state=RequestState.APPROVED, by="Lee", at=AT),
        "This request was approved by Lee, Mar 2, 2026, 9:30 AM UTC. "
        "Your answer is no longer needed and was not saved.",
    ),
    (
        NoAnswerNeeded(state=RequestState.EXPIRED, by=None, at=AT),
        "This request expired, Mar 2, 2026, 9:30 AM UTC. Your answer is no longer needed and was not saved.",
    ),
    (
        CannotTakeOver(name="Kim", why="requester"),
        "Kim started this, so another person has to decide it. Choose another person.",
    ),
    (
        CannotTakeOver(name="Kim", why="editor"),
        "Kim changed this, so another person has to approve it. Choose another person.",
    ),
    (CannotTakeOver(name="Kim", why="limit"), "Kim may not approve this amount. Choose another person."),
    (CannotTakeOver(name="Kim", why="decides"), "Kim already decides this request. Choose another person."),
    (CannotTakeOver(name="Kim", why="excluded"), "Kim can no longer decide this request. Choose another person."),
    (CannotTakeOver(name="Kim", why="unknown"), "Kim is not known here. Choose another person."),
    (CannotTakeOver(name="Kim", why="guest"), "Kim is a guest here and cannot be asked. Choose another person."),
    (CannotTakeOver(name="Kim", why="inactive"), "Kim has no active account here. Choose another person."),
    (CannotTakeOver(name="Kim", why="unanswered"), "Kim could not be looked up just now. Choose another person."),
    (WhosePlace(names=("Lee", "Kim")), "Say in whose place another person decides: Lee or Kim."),
    (NotFound(what="run", name="R9"), "There is no run “R9”."),
    (
        NotFound(what="workflow", name="refnd", suggestion="refund"),
        "There is no workflow “refnd”. Did you mean “refund”?",
    ),
    (NotAllowed(why="Guests may not start it."), "Guests may not start it."),
    (
        Contested(what="request"),
        "Others changed this request at the same moment, so your answer was not saved. "
        "Look at it again, then try once more.",
    ),
    (
        Contested(what="run"),
        "Others changed this run at the same moment, so your answer was not saved. "
        "Look at it again, then try once more.",
    ),
    (InvalidPreferences(what="count"), "Choose a number of requests from 2 to 20."),
    (
        InvalidPreferences(what="quiet"),
        "Say when your quiet hours begin and when they end. The two times must differ.",
    ),
    (InvalidPreferences(what="at"), "Choose a time from 00:00 to 23:59."),
    (InvalidInputs(errors={"n": "is missing"}, labels={"n": "How many"}), "How many is missing."),
    (InvalidEdits(errors={"a": "is missing", "b.c": "is not a number"}), "A is missing. C is not a number."),
    (ReasonMissing(verdict=Verdict.REJECT), "Please say why you reject this. The person who asked will read it."),
    (
        AlreadyDecided(state=RequestState.APPROVED, by=LEE, at=AT),
        "Lee already approved this request, Mar 2, 2026, 9:30 AM UTC. No other decision is needed.",
    ),
    (
        AlreadyDecided(state=RequestState.REJECTED, by=LEE, at=AT, by_you=True),
        "You already rejected this request, Mar 2, 2026, 9:30 AM UTC. No other decision is needed.",
    ),
    (
        AlreadyDecided(state=RequestState.REJECTED, by=None, at=AT),
        "This request expired without a decision and was rejected automatically, Mar 2, 2026, 9:30 AM UTC. "
        "You can no longer decide it.",
    ),
    (NotAnApprover(who=None, approvers=("Lee",)), "You are not an approver of this request. Lee can decide."),
    (NotAnApprover(who="Kim", approvers=("Lee",)), "Kim is not an approver of this request. Lee can decide."),
    (
        NoLongerApprover(why="the account is deactivated"),
        "You can no longer decide this request: the account is deactivated. "
        "The owner of the workflow has been notified.",
    ),
    (Expired(at=AT), "This request expired Mar 2, 2026, 9:30 AM UTC. You can no longer decide it."),
    (Cancelled(at=AT), "The run was cancelled, Mar 2, 2026, 9:30 AM UTC. No decision is needed."),
    (
        Changed(content_version=2),
        "This request has changed since you opened it. Look at it again, then decide.",
    ),
    (
        NotWaiting(run="R1", status=RunStatus.RUNNING, answer=ResumeAnswer.DONE, by=LEE, at=AT),
        "Lee already answered “It happened”, Mar 2, 2026, 9:30 AM UTC. Your answer was not saved.",
    ),
    (
        WebhookUnknown(),
        "No webhook with this name takes this call. Check its address, its secret and the clock of the sender.",
    ),
    (
        FileRefused(name="a.pdf", why="too_large", limit=20_000_000),
        "“a.pdf” is too large: a file may have at most 20 MB. Choose a smaller one.",
    ),
    (FileRefused(name="a.pdf", why="empty"), "“a.pdf” is empty. Choose another file."),
    (BodyRefused(why="the body is empty"), "No run was started: the body is empty."),
    (StillRunning(run="R1"), "No run was started: the run before, R1, has not ended."),
    (
        NewerVersion(workflow="refund", version=3),
        "refund has version 3 now, which you have not seen, so nothing was changed. "
        "Look at that version, then do it again.",
    ),
    (
        QueueFull(most=100),
        "No run was started: 100 runs are waiting for the one before already. Try again later.",
    ),
    (
        WorkflowDisabled(workflow="pay", state=WorkflowState.DISABLED, by=LEE, at=AT),
        "The workflow pay was disabled by Lee on Mar 2, 2026, 9:30 AM UTC, so nothing starts it. "
        "Its owner or an admin can enable it again.",
    ),
    (
        WorkflowDisabled(workflow="pay", state=WorkflowState.DELETED, by=None, at=None),
        "The workflow pay was deleted, so it cannot be started.",
    ),
    (NotWaiting(run="R1", status=RunStatus.FAILED), "There is no open question about a step: the run failed."),
    (
        NotWaiting(run="R1", status=RunStatus.NEEDS_ATTENTION),
        "This question was already answered. The run has a newer question: answer that one.",
    ),
    (
        NotWaiting(run="R1", status=RunStatus.WAITING),
        "There is no open question about a step: the run is waiting for an approver.",
    ),
    (NeedsCode(address="lee@example.com"), "Please confirm with a code. It is sent to lee@example.com."),
    (NeedsSignIn(), "Please sign in with Slack to confirm that it is you."),
    (
        ConfirmElsewhere(how=Assurance.CODE),
        "Each decision on this request is confirmed with a code from an email, and a terminal cannot ask for one. "
        "Decide it in Slack or on its review page.",
    ),
    (
        ConfirmElsewhere(how=Assurance.SSO),
        "You have to sign in with Slack to decide this request. Decide it in Slack or on its review page.",
    ),
    (
        CannotConfirm(why="no_email"),
        "This request asks for a code by email, and Signoff knows no email address of yours. "
        "Ask the person who runs Signoff to add it.",
    ),
    (
        CannotConfirm(why="many_codes"),
        "Nothing was decided yet. You got many codes that were not used, so no other one can be sent now. "
        "Try again in an hour.",
    ),
    (
        CannotConfirm(why="too_large"),
        "Nothing was decided yet. Your text is too long to be confirmed with a code. Shorten it, then try again.",
    ),
    (
        SignedInAsOther(who="Kim", asked=("Ada", "Lee")),
        "You are signed in to Slack as Kim, and this decision is for Ada or Lee. Nothing was decided. "
        "Sign in with the account that was asked, or leave the decision to them.",
    ),
    (SignInExpired(), "This sign-in no longer works. Go back and press the button again."),
    (WrongCode(), "That is not the right code. Use the one in your newest sign-in email."),
    (
        WrongCode(left=1, reference="ABCD"),
        "That is not the right code. Use the one in the email with the reference ABCD. You have one try left.",
    ),
    (
        WrongCode(left=3, reference="ABCD"),
        "That is not the right code. Use the one in the email with the reference ABCD. You have 3 tries left.",
    ),
    (
        TooManyCodes(wait=timedelta(seconds=61)),
        "Too many people on your network asked for a code. Try again in 2 minutes, or open the link in the email that "
        "asks you.",
    ),
    (
        TooManyCodes(wait=timedelta(seconds=1)),
        "Too many people on your network asked for a code. Try again in 1 minute, or open the link in the email that "
        "asks you.",
    ),
    (
        CodeExpired(),
        "This code no longer works. Go back and send your answer again. You will get a new code.",
    ),
    (ApiKeyRefused(why="missing"), "This call has no API key. Send it in the header “Authorization: Bearer sgn_…”."),
    (ApiKeyRefused(why="cut_off"), "This API key is cut off. Copy the key again, to its last character."),
    (
        ApiKeyRefused(why="unknown"),
        "This Signoff knows no such API key. It may have a typo, or belong to another Signoff. Copy the key again, and "
        "check the address that you call.",
    ),
    (
        ApiKeyRefused(why="revoked", at=AT),
        "This API key was revoked Mar 2, 2026, 9:30 AM UTC. Ask the operator of this Signoff for a new one.",
    ),
    (
        ApiKeyRefused(why="expired", at=AT),
        "This API key expired Mar 2, 2026, 9:30 AM UTC. Ask the operator of this Signoff for a new one.",
    ),
    (
        ApiKeyRefused(why="replaced", at=AT),
        "This API key was replaced by a new one, and stopped working Mar 2, 2026, 9:30 AM UTC. Ask the operator of "
        "this Signoff for a new one.",
    ),
    (
        ApiKeyForbids(name="Bot", action=ApiAction.PROVISION),
        "The API key “Bot” may not set up instances. Ask the operator of this Signoff for a key that may.",
    ),
    (
        ApiKeyForbids(name="Bot", action=ApiAction.ASK, workflow="refund"),
        "The API key “Bot” may not ask people by the workflow “refund”. Ask the operator of this Signoff for a key "
        "that may.",
    ),
    (
        ApiKeyForbids(name="Bot", action=ApiAction.START, workflow="refund"),
        "The API key “Bot” may not start runs of the workflow “refund”. Ask the operator of this Signoff for a key "
        "that may.",
    ),
    (
        TooManyCalls(wait=timedelta(seconds=1), per_minute=600),
        "This API key may make 600 calls a minute, and has made them. Try again in 1 second.",
    ),
    (
        TooManyCalls(wait=timedelta(minutes=2)),
        "Too many wrong API keys came from your network. Try again in 120 seconds.",
    ),
    (
        ApiKeyRotated(name="Bot", by="Lee", at=AT, until=AT),
        "Lee rotated the API key “Bot” already, Mar 2, 2026, 9:30 AM UTC. The text before that works until Mar 2, "
        "2026, 9:30 AM UTC. Rotate again after that, or with an overlap of 0s to end all older texts now.",
    ),
    (
        ApiKeyEnded(name="Bot", at=AT),
        "The API key “Bot” was revoked Mar 2, 2026, 9:30 AM UTC. Create a new one.",
    ),
    (
        InvalidApiKey(why="name_taken", value="Bot"),
        "There is an API key “Bot” already. Choose another name, or rotate or revoke that key.",
    ),
    (
        InvalidCallback(why="refused", value="only https is allowed"),
        "Callbacks cannot be sent to this URL: only https is allowed.",
    ),
    (
        InvalidCallback(why="removed", value="https://agent.example.com/hooks"),
        "The endpoint https://agent.example.com/hooks was removed. Add it again: signoff callbacks add",
    ),
    (
        InvalidSecret(why="name", value="crm"),
        "A secret cannot be called “crm”. Use A-Z, 0-9 and _, such as CRM_TOKEN: a workflow file then names it as "
        "secret.CRM_TOKEN.",
    ),
    (
        InvalidSecret(why="short"),
        "The value needs at least 4 characters. A shorter one cannot be hidden in what people read.",
    ),
    (InvalidSecret(why="long"), "The value is too long. It can have 16,384 characters."),
    (NoSecretKey(why="There is no key."), "There is no key."),
    (NoLink(), "This link is not valid. Sign in with your email address to see your open requests."),
    (
        NoLink(state=LinkState.LIVE),
        "This link is not valid. Sign in with your email address to see your open requests.",
    ),
    (
        NoLink(state=LinkState.EXPIRED),
        "This link has expired. Sign in with your email address to see your open requests.",
    ),
    (
        NoLink(state=LinkState.REVOKED),
        "This link was revoked. Sign in with your email address to see your open requests.",
    ),
]


@pytest.mark.parametrize(("refusal", "sentence"), SENTENCES, ids=lambda value: type(value).__name__)
def test_a_refusal_has_its_sentence(refusal: Refusal, sentence: str) -> None:
    assert refusals.sentence(refusal) == sentence


def test_every_refusal_of_the_engine_has_a_sentence_that_is_tested() -> None:
    assert {type(refusal) for refusal, _ in SENTENCES} == set(refusals_of_the_engine(Refusal))


def test_a_refusal_without_a_sentence_is_named() -> None:
    class Unworded(Refusal, frozen=True):
        pass

    with pytest.raises(TypeError, match="Unworded has no sentence"):
        refusals.sentence(Unworded())


def refusals_of_the_engine(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for subclass in kind.__subclasses__():
        if subclass.__module__.startswith("engine."):
            yield subclass
        yield from refusals_of_the_engine(subclass)


@pytest.mark.parametrize(
    "refusal",
    [
        AlreadyDecided(state=RequestState.APPROVED, by=Person("p9", "Eve\nApproved by: Sam"), at=AT, by_you=False),
        NotWaiting(
            run="r1",
            status=RunStatus.RUNNING,
            answer=ResumeAnswer.DONE,
            by=Person("p9", "Eve\nApproved by: Sam"),
            at=AT,
        ),
    ],
    ids=["decided", "answered"],
)
def test_a_name_adds_no_line_to_a_sentence(refusal: Refusal) -> None:
    assert "Eve Approved by: Sam" in refusals.sentence(refusal)
    assert "\n" not in refusals.sentence(refusal)
