"""What identifies people outside of Slack: links to look, codes by mail, browsers that are remembered."""

from __future__ import annotations

from engine.audit_entries import EntryKind, entry
from engine.code_derivation import Codes, is_sealed
from engine.delivery.recipients import Recipients
from engine.domain import (
    AskAnswerCode,
    AskCode,
    AttentionLink,
    ChallengeView,
    CodeExpired,
    CodeSent,
    GiveCode,
    Link,
    NotFound,
    ProvenIdentity,
    Refusal,
    RememberedBrowser,
    SignIn,
    WrongCode,
)
from engine.ports import Clock
from engine.service import answer_attention, one_time_codes, sign_in
from engine.service.engine import Engine
from engine.store import attention_links, browsers, challenges, links, request_model, run_rows
from engine.store.browsers import SEEN_EVERY
from engine.store.transaction import Tx


class Identity:
    """Beside an engine. `codes`: made with the key of this server."""

    def __init__(self, engine: Engine, codes: Codes, clock: Clock) -> None:
        self._engine, self._codes, self._clock = engine, codes, clock

    async def link(self, token: str) -> Link | None:
        """What a token opens; None: no link of ours."""
        now = self._clock.now()
        found = await self._engine.store.read(lambda connection: links.load_link(connection, token, now))
        if found is not None and found.is_of_wrong_clock:
            await self._engine.transact(links.set_right)
        return found

    async def attention_link(self, token: str) -> AttentionLink | None:
        """Return what the token of an alert opens, or None if it is no such link of ours."""
        now = self._clock.now()
        found = await self._engine.store.read(lambda connection: attention_links.load_link(connection, token, now))
        if found is not None and found.is_of_wrong_clock:
            await self._engine.transact(attention_links.set_right)
        return found

    async def revoke(self, request: str) -> int | NotFound:
        """Make every link to this request, or to what this run asks of its owner, useless; how many there were."""
        return await self._engine.transact(lambda tx: _revoke(tx, request))

    async def browser(self, secret: str) -> RememberedBrowser | None:
        """The browser that keeps this secret, if it is remembered. That it was used is written down now and then."""
        now = self._clock.now()
        found = await self._engine.store.read(lambda connection: browsers.load_browser(connection, secret, now))
        if found is not None and found.is_of_wrong_clock:
            await self._engine.transact(browsers.set_right)
        elif found is not None and found.seen_at + SEEN_EVERY <= now:
            await self._engine.transact(lambda tx: browsers.record_use(tx, found))
        return found

    async def browsers(self, person: str) -> list[RememberedBrowser]:
        """Every browser that is remembered for this person."""
        now = self._clock.now()
        return await self._engine.store.read(lambda connection: browsers.load_browsers(connection, person, now))

    async def forget(self, secret: str, browser: str) -> bool:
        """Whoever uses the browser of `secret` has one of their own forgotten. False: it is not theirs."""
        return await self._engine.transact(lambda tx: _forget(tx, secret, browser))

    async def ask_code(self, command: AskCode) -> CodeSent | Refusal:
        """Keep a decision until it is confirmed with a code, which is sent to the address that was asked."""
        context = self._engine.context
        return await self._engine.transact(lambda tx: one_time_codes.ask(context, self._codes, tx, command))

    async def ask_answer_code(self, command: AskAnswerCode) -> CodeSent | Refusal:
        """Keep an answer about a step until it is confirmed with a code, which is sent to the owner's address."""
        context = self._engine.context
        return await self._engine.transact(lambda tx: answer_attention.ask(context, self._codes, tx, command))

    async def sign_in(self, command: SignIn) -> CodeSent:
        """Send a code to somebody who wants to see what waits for them."""
        return await self._engine.transact(lambda tx: one_time_codes.ask_sign_in_code(self._codes, tx, command))

    async def challenge(self, challenge: str, holder: str) -> ChallengeView | None:
        """A challenge, for the browser that asked for it."""
        if is_sealed(challenge):
            carried = sign_in.carried(self._codes, challenge, holder)
            return sign_in.view(challenge, carried) if carried is not None else None
        held = await self._engine.store.read(lambda connection: challenges.load_challenge(connection, challenge))
        return one_time_codes.view(held, holder)

    async def give_code(self, command: GiveCode) -> ProvenIdentity | WrongCode | CodeExpired:
        """The code from the mail: what it was sent for is done, and the browser is remembered."""
        if is_sealed(command.challenge):
            return await self._give_to_sign_in(command)
        context = self._engine.context
        return await self._engine.knowing(
            lambda tx, resolved: one_time_codes.give(context, self._codes, tx, command, resolved), patient=False
        )

    async def _give_to_sign_in(self, command: GiveCode) -> ProvenIdentity | WrongCode | CodeExpired:
        """Wrong codes, of which there may be many, only read."""
        codes, now = self._codes, self._clock.now()
        carried = sign_in.carried(codes, command.challenge, command.holder)
        if carried is None or not carried.open(now):
            return CodeExpired()
        code, label = command.code, command.label
        if not await self._engine.store.read(lambda connection: sign_in.match(codes, connection, carried, code, now)):
            return WrongCode()
        directory = self._engine.context.advancer.directory
        return await self._engine.knowing(
            lambda tx, resolved: sign_in.give(codes, tx, Recipients(tx, directory, resolved), carried, code, label),
            patient=False,
        )


def _revoke(tx: Tx, request: str) -> int | NotFound:
    loaded = request_model.load_request(tx, request)
    if loaded is None:
        return _revoke_of_run(tx, request)
    asked, _ = loaded
    count = links.revoke(tx, request)
    tx.audit(asked.workspace, entry(EntryKind.LINKS_REVOKED, run=asked.subject.run, request=request, links=count))
    return count


def _revoke_of_run(tx: Tx, run: str) -> int | NotFound:
    held = run_rows.load_run(tx, run)
    if held is None:
        return NotFound(what="request", name=run)
    count = attention_links.revoke(tx, run)
    tx.audit(held.workspace, entry(EntryKind.LINKS_REVOKED, run=run, links=count))
    return count


def _forget(tx: Tx, secret: str, browser: str) -> bool:
    mine = browsers.load_browser(tx.connection, secret, tx.now)
    return mine is not None and browsers.revoke(tx, browser, of=mine.person.id)
