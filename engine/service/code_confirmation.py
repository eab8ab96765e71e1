"""One-time codes that confirm one command. They are sent here and given in `engine.service.one_time_codes`."""

from __future__ import annotations

from engine.code_derivation import Codes
from engine.domain import AskAnswerCode, AskCode, CodeSent, Decide, Person
from engine.service import sign_in
from engine.service.assurance import Proof
from engine.store import challenges
from engine.store.challenges import Command, NewChallenge, ShownValues, StoredChallenge
from engine.store.port import Tx


def ask(
    codes: Codes,
    tx: Tx,
    ask_command: AskCode | AskAnswerCode,
    command: Command,
    proof: Proof,
    *,
    workspace: str,
    run: str,
    form: str | None,
    shown_values: ShownValues = (),
) -> CodeSent:
    """Store the command and send its code. If too many codes were sent, or it is too large, send a code to sign in."""
    person, address = _reader(proof)
    if earlier := _find_earlier(tx, workspace, address, ask_command.holder, form, command):
        return sent(earlier)
    # The browser returns to the request of a decision, or to the run of an answer.
    request, answered_run = (command.request, None) if isinstance(command, Decide) else (None, run)
    if not _may_confirm(tx, workspace, address, command):
        return sign_in.ask(
            codes,
            tx,
            workspace=workspace,
            address=address,
            person=person,
            holder=ask_command.holder,
            form=form,
            label=ask_command.label,
            request=request,
            run=answered_run,
        )
    new = NewChallenge(
        id=tx.new_id(),
        workspace=workspace,
        purpose=challenges.purpose_of(command),
        holder=ask_command.holder,
        form=form,
        label=ask_command.label,
        person=person.id,
        address=address,
        request=request,
        run=answered_run,
        command=command,
        shown_values=shown_values,
    )
    sign_in.send(tx, new, person, run=run)
    return sent(challenges.insert_challenge(tx, codes, new))


def _reader(proof: Proof) -> tuple[Person, str]:
    assert proof.person is not None
    assert proof.address is not None
    return proof.person, proof.address


def _find_earlier(
    tx: Tx, workspace: str, address: str, holder: str, form: str | None, command: Command
) -> StoredChallenge | None:
    """Return what another unit has sent meanwhile to this browser for the same command."""
    challenges.take_turn(tx, workspace, address)
    return challenges.find_confirming(tx.connection, holder, form, command)


def _may_confirm(tx: Tx, workspace: str, address: str, command: Command) -> bool:
    """Return whether a code for this command may be sent to the address now."""
    return challenges.may_confirm(challenges.load_sent(tx.connection, workspace, address, tx.now), command, tx.now)


def sent(challenge: StoredChallenge) -> CodeSent:
    """Return the challenge as the result for the browser that asked for it."""
    return CodeSent(
        challenge=challenge.id, address=challenge.address, until=challenge.expires_at, purpose=challenge.purpose
    )
