"""One-time codes that confirm one command. They are sent here and given in `engine.service.one_time_codes`."""

from __future__ import annotations

from engine.code_derivation import Codes
from engine.domain import AskAnswerCode, AskCode, CannotConfirm, CodeSent, Decide, Person
from engine.service import sign_in
from engine.service.assurance import Proof
from engine.store import challenges
from engine.store.challenges import NewChallenge, StoredChallenge
from engine.store.port import Tx
from engine.store.waiting_commands import Command, ShownValues


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
    is_needed_each_time: bool = False,
) -> CodeSent | CannotConfirm:
    """Store the command and send its code. If too many codes were sent, or it is too large, send a code to sign in.

    `is_needed_each_time`: a code to sign in does not help, because the command needs a code of its own.
    """
    person, address = _reader(proof)
    if earlier := _find_earlier(tx, workspace, address, ask_command.holder, form, command):
        return sent(earlier)
    may_confirm = _may_confirm(tx, workspace, address, command)
    if is_needed_each_time and not (address and may_confirm):
        return _refused(address, command)
    new = NewChallenge(
        id=tx.new_id(),
        workspace=workspace,
        purpose=challenges.purpose_of(command),
        holder=ask_command.holder,
        form=form,
        label=ask_command.label,
        person=person.id,
        address=address,
        # The browser returns to the request of a decision, or to the run of an answer.
        request=command.request if isinstance(command, Decide) else None,
        run=None if isinstance(command, Decide) else run,
        command=command,
        shown_values=shown_values,
    )
    if not may_confirm:
        return _sign_in_instead(codes, tx, new, person)
    sign_in.send(tx, new, person, run=run)
    return sent(challenges.insert_challenge(tx, codes, new))


def _sign_in_instead(codes: Codes, tx: Tx, new: NewChallenge, person: Person) -> CodeSent:
    return sign_in.ask(
        codes,
        tx,
        workspace=new.workspace,
        address=new.address,
        person=person,
        holder=new.holder,
        form=new.form,
        label=new.label,
        request=new.request,
        run=new.run,
    )


def _refused(address: str, command: Command) -> CannotConfirm:
    if not address:
        return CannotConfirm(why="no_email")
    return CannotConfirm(why="too_large" if challenges.is_too_large(command) else "many_codes")


def _reader(proof: Proof) -> tuple[Person, str]:
    assert proof.person is not None
    return proof.person, proof.address or proof.person.email or ""


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
