"""Codes by mail that confirm one command: they are sent here, and given in `engine.service.one_time_codes`."""

from __future__ import annotations

from engine.code_derivation import Codes
from engine.domain import AskAnswerCode, AskCode, CodeSent, Decide
from engine.service import sign_in
from engine.service.assurance import Proof
from engine.store import challenges
from engine.store.challenges import Command, NewChallenge, Said, StoredChallenge
from engine.store.transaction import Tx


def ask(
    codes: Codes,
    tx: Tx,
    asking: AskCode | AskAnswerCode,
    command: Command,
    proof: Proof,
    *,
    workspace: str,
    run: str,
    form: str | None,
    said: Said = (),
) -> CodeSent:
    """Keep the command and send its code; where too many were sent, or it is too large, have the person sign in."""
    person, address = proof.person, proof.address
    assert person is not None
    assert address is not None
    # Of a decision it is the request that is kept, and that the browser returns to.
    request, of_run = (command.request, None) if isinstance(command, Decide) else (None, run)
    recent = challenges.load_sent(tx.connection, workspace, address, tx.now)
    if not challenges.may_confirm(recent, command, tx.now):
        return sign_in.ask(
            codes,
            tx,
            workspace=workspace,
            address=address,
            person=person,
            holder=asking.holder,
            form=form,
            label=asking.label,
            request=request,
            run=of_run,
        )
    new = NewChallenge(
        id=tx.new_id(),
        workspace=workspace,
        purpose=challenges.purpose_of(command),
        holder=asking.holder,
        form=form,
        label=asking.label,
        person=person.id,
        address=address,
        request=request,
        run=of_run,
        command=command,
        said=said,
    )
    held = challenges.insert_challenge(tx, codes, new)
    sign_in.send(tx, new, person, run=run)
    return sent(held)


def sent(held: StoredChallenge) -> CodeSent:
    """Return what the browser that asked is told of its challenge."""
    return CodeSent(challenge=held.id, address=held.address, until=held.expires_at, purpose=held.purpose)
