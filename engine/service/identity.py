"""The identity of people outside of Slack: links, one-time codes by email, and remembered browsers."""

from __future__ import annotations

from typing import TypeVar

from engine.audit_entries import EntryKind, entry
from engine.code_derivation import Codes, is_sealed
from engine.delivery.recipients import Recipients
from engine.domain import (
    Address,
    AskAnswerCode,
    AskCode,
    AskSignIn,
    AttentionLink,
    ChallengeView,
    CodeExpired,
    CodeSent,
    FinishSignIn,
    FormDraft,
    GiveCode,
    Link,
    NotFound,
    ProvenIdentity,
    Refusal,
    RememberedBrowser,
    SignedInAsOther,
    SignedOut,
    SignIn,
    SignInExpired,
    SignInStart,
    SignInView,
    SignOut,
    TooManyCodes,
    WrongCode,
)
from engine.ports import Clock
from engine.service import account_sign_in, answer_attention, one_time_codes, sign_in, sign_out
from engine.service.engine import Engine
from engine.store import attention_links, browsers, challenges, form_drafts, links, request_model, run_rows, sign_ins
from engine.store.browsers import SEEN_EVERY
from engine.store.port import Tx

Asked = TypeVar("Asked", CodeSent, str)


class Identity:
    """The commands and reads that identify people on pages. `codes`: derived from the key of this server."""

    def __init__(self, engine: Engine, codes: Codes, clock: Clock) -> None:
        self._engine, self._codes, self._clock = engine, codes, clock

    async def link(self, token: str) -> Link | None:
        """Return the link for a token, or None if it is unknown."""
        now = self._clock.now()
        link = await self._engine.store.read(lambda connection: links.load_link(connection, token, now))
        if link is not None and link.is_of_wrong_clock:
            await self._engine.transact(links.correct_times)
        return link

    async def attention_link(self, token: str) -> AttentionLink | None:
        """Return the link for the token of an alert, or None if it is unknown."""
        now = self._clock.now()
        link = await self._engine.store.read(lambda connection: attention_links.load_link(connection, token, now))
        if link is not None and link.is_of_wrong_clock:
            await self._engine.transact(attention_links.correct_times)
        return link

    async def revoke(self, target: str) -> int | NotFound:
        """Revoke every link to the request or run with this id. Return the number of links."""
        return await self._engine.transact(lambda tx: _revoke(tx, target))

    async def browser(self, secret: str) -> RememberedBrowser | None:
        """Return the remembered browser with this secret, if there is one, and record its use now and then."""
        now = self._clock.now()
        browser = await self._engine.store.read(lambda connection: browsers.load_browser(connection, secret, now))
        if browser is not None and browser.is_of_wrong_clock:
            await self._engine.transact(browsers.correct_times)
        elif browser is not None and browser.seen_at + SEEN_EVERY <= now:
            await self._engine.transact(lambda tx: browsers.record_use(tx, browser))
        return browser

    async def browsers(self, person: str) -> list[RememberedBrowser]:
        """Return the remembered browsers of this person."""
        now = self._clock.now()
        return await self._engine.store.read(lambda connection: browsers.load_browsers(connection, person, now))

    async def forget(self, secret: str, browser: str) -> bool:
        """Forget a browser of the person who uses the browser with this secret. Return False if it is not theirs."""
        return await self._engine.transact(lambda tx: sign_out.forget(tx, secret, browser))

    async def forget_others(self, secret: str) -> int:
        """Forget all browsers of a person but the one with this secret, and return their number."""
        return await self._engine.transact(lambda tx: sign_out.forget_others(tx, secret))

    async def sign_out(self, command: SignOut) -> SignedOut | Refusal:
        """Forget all browsers of a person, for an admin."""
        return await self._engine.transact_with_directory(
            lambda tx, resolved: sign_out.sign_out(self._engine.context, tx, command, resolved), required=False
        )

    async def ask_code(self, command: AskCode) -> CodeSent | Refusal:
        """Store a decision until a code confirms it, and send the code to the address of its link."""
        context = self._engine.context
        return await self._engine.transact(
            lambda tx: _with_draft(tx, command, one_time_codes.ask(context, self._codes, tx, command))
        )

    async def ask_answer_code(self, command: AskAnswerCode) -> CodeSent | Refusal:
        """Store an answer about a step until a code confirms it, and send the code to the owner."""
        context = self._engine.context
        return await self._engine.transact(
            lambda tx: _with_draft(tx, command, answer_attention.ask(context, self._codes, tx, command))
        )

    async def draft(self, holder: str, about: str) -> FormDraft | None:
        """Return what was typed in this browser about a request, or the step of a run, before a code was sent."""
        now = self._clock.now()
        return await self._engine.store.read(lambda connection: form_drafts.load(connection, holder, about, now))

    async def sign_in(self, command: SignIn) -> CodeSent | TooManyCodes:
        """Send a code to sign in with, unless the client asked for too many."""
        context = self._engine.context
        return await self._engine.transact(
            lambda tx: one_time_codes.ask_sign_in_code(context, self._codes, tx, command)
        )

    async def ask_sign_in(self, command: AskSignIn) -> str | Refusal:
        """Keep a decision until the person signs in with their account. Return the id of the sign-in."""
        context = self._engine.context
        return await self._engine.transact(
            lambda tx: _with_draft(tx, command, account_sign_in.ask(context, self._codes, tx, command))
        )

    async def sign_in_view(self, sign_in: str, holder: str) -> SignInView | None:
        """Return a sign-in for its browser, or None for any other browser."""
        stored = await self._engine.store.read(lambda connection: sign_ins.load_sign_in(connection, sign_in))
        return account_sign_in.view(stored, holder)

    async def begin_sign_in(self, sign_in: str, holder: str) -> SignInStart | SignInExpired:
        """Return what the identity provider is sent now. What it was sent before no longer works."""
        return await self._engine.transact(lambda tx: account_sign_in.begin(self._codes, tx, sign_in, holder))

    async def take_state(self, state: str, holder: str) -> tuple[SignInView, SignInStart] | SignInView | SignInExpired:
        """Take what the identity provider sent back, once, and return the sign-in that it belongs to.

        Returns only the sign-in if it was taken before.
        """
        return await self._engine.transact(lambda tx: account_sign_in.spend(self._codes, tx, state, holder))

    async def finish_sign_in(self, command: FinishSignIn) -> ProvenIdentity | SignedInAsOther | SignInExpired:
        """Sign in with an account that the identity provider vouches for, and carry out the decision that waits."""
        context = self._engine.context
        return await self._engine.transact_with_directory(
            lambda tx, resolved: account_sign_in.finish(context, tx, command, resolved), required=False
        )

    def messenger_holder(self, account: Address) -> str:
        """Return the secret that stands for a browser where a person decides in a messenger."""
        return self._codes.secret("holder", str(account))

    async def challenge(self, challenge: str, holder: str) -> ChallengeView | None:
        """Return a challenge for the browser that asked for it, or None for any other browser."""
        if is_sealed(challenge):
            carried = sign_in.read_carried(self._codes, challenge, holder)
            return sign_in.view(challenge, carried) if carried is not None else None
        stored = await self._engine.store.read(lambda connection: challenges.load_challenge(connection, challenge))
        return one_time_codes.view(stored, holder)

    async def give_code(self, command: GiveCode) -> ProvenIdentity | WrongCode | CodeExpired:
        """Carry out the command that the code confirms, and remember the browser."""
        if is_sealed(command.challenge):
            return await self._give_to_sign_in(command)
        context = self._engine.context
        return await self._engine.transact_with_directory(
            lambda tx, resolved: one_time_codes.give(context, self._codes, tx, command, resolved), required=False
        )

    async def _give_to_sign_in(self, command: GiveCode) -> ProvenIdentity | WrongCode | CodeExpired:
        """Sign in. A wrong code only reads, because there is no limit to wrong codes."""
        codes, now = self._codes, self._clock.now()
        carried = sign_in.read_carried(codes, command.challenge, command.holder)
        if carried is None or not carried.open(now):
            return CodeExpired()
        code, label = command.code, command.label
        if not await self._engine.store.read(lambda connection: sign_in.match(codes, connection, carried, code, now)):
            return WrongCode()
        directory = self._engine.context.advancer.directory
        return await self._engine.transact_with_directory(
            lambda tx, resolved: sign_in.give(codes, tx, Recipients(tx, directory, resolved), carried, code, label),
            required=False,
        )


def _with_draft(tx: Tx, command: AskCode | AskAnswerCode | AskSignIn, answer: Asked | Refusal) -> Asked | Refusal:
    """Keep the form of a command for which a code was sent, and return the answer to the command."""
    if not isinstance(answer, Refusal) and command.draft is not None:
        form_drafts.save(tx, command.holder, command.draft)
    return answer


def _revoke(tx: Tx, target: str) -> int | NotFound:
    loaded = request_model.load_request(tx, target)
    if loaded is None:
        return _revoke_of_run(tx, target)
    request, _ = loaded
    count = links.revoke(tx, request.id)
    tx.audit(
        request.workspace, entry(EntryKind.LINKS_REVOKED, run=request.subject.run, request=request.id, links=count)
    )
    return count


def _revoke_of_run(tx: Tx, run_id: str) -> int | NotFound:
    run = run_rows.load_run(tx, run_id)
    if run is None:
        return NotFound(what="request", name=run_id)
    count = attention_links.revoke(tx, run_id)
    tx.audit(run.workspace, entry(EntryKind.LINKS_REVOKED, run=run_id, links=count))
    return count
