"""Answers about a step of unknown outcome by somebody for whom no surface vouches: links, browsers and codes."""

from __future__ import annotations

from msgspec import structs

from engine.code_derivation import Codes
from engine.delivery.recipients import Resolved
from engine.domain import (
    Address,
    AnswerAttention,
    AskAnswerCode,
    Assurance,
    CodeSent,
    Done,
    LinkState,
    NeedsCode,
    NoLink,
    NotAllowed,
    NotFound,
    Person,
    Refusal,
    Resume,
)
from engine.service import assurance, cancel_and_resume, code_confirmation
from engine.service.assurance import Proof
from engine.service.context import CommandContext
from engine.store import attention_links, browsers, challenges, run_rows
from engine.store.run_rows import LoadedRun
from engine.store.transaction import Tx

_NOT_YOURS = "Only the owner of the workflow or an admin may say what became of a step."


def answer(ground: CommandContext, tx: Tx, command: AnswerAttention, resolved: Resolved) -> Done | Refusal:
    """The unit of `Engine.answer`."""
    held = run_rows.load_run(tx, command.resume.run)
    if held is None:
        return NotFound(what="run", name=command.resume.run)
    proof = _prove(ground, tx, held, command)
    if isinstance(proof, Refusal):
        return proof
    if proof.assurance is not Assurance.LINK:
        return answer_as(ground, tx, command.resume, proof, resolved)
    ruled = cancel_and_resume.rule(ground, tx, held, command.resume)
    assert proof.address is not None
    # A link lets its holder look; to answer takes more.
    return ruled if isinstance(ruled, Refusal) else NeedsCode(address=proof.address)


def answer_as(ground: CommandContext, tx: Tx, resume: Resume, proof: Proof, resolved: Resolved) -> Done | Refusal:
    """Answer as the person who was proven to give the answer, if they still may."""
    assert proof.address is not None
    proven = structs.replace(resume, actor=Address("email", proof.address), assurance=proof.assurance)
    return cancel_and_resume.resume(ground, tx, proven, resolved, acted_as=proof.held)


def ask(ground: CommandContext, codes: Codes, tx: Tx, command: AskAnswerCode) -> CodeSent | Refusal:
    """The unit of `Identity.ask_answer_code`. An answer that would be refused anyway is refused now."""
    given = command.answer
    held = run_rows.load_run(tx, given.resume.run)
    if held is None:
        return NotFound(what="run", name=given.resume.run)
    challenges.sweep(tx)
    earlier = challenges.find_confirming(tx.connection, command.holder, given.form, given.resume)
    if earlier is not None:
        return code_confirmation.sent(earlier)
    proof = _prove(ground, tx, held, given)
    if isinstance(proof, Refusal):
        return proof
    ruled = cancel_and_resume.rule(ground, tx, held, given.resume)
    if isinstance(ruled, Refusal):
        return ruled
    return code_confirmation.ask(
        codes,
        tx,
        command,
        given.resume,
        proof,
        workspace=held.workspace,
        run=held.state.id,
        form=given.form,
        said=given.said,
    )


def _prove(ground: CommandContext, tx: Tx, held: LoadedRun, command: AnswerAttention) -> Proof | Refusal:
    """Who gives the answer: the person of a remembered browser if they may, else whoever holds the link."""
    link, browser = _holder(ground, tx, held, command), _reader(tx, command)
    if browser is None:
        return link
    may = browser.person is not None and _may(ground, held, browser.person, browser.address or "")
    # Somebody may open the link of a colleague: they answer as themselves, if they may, and never as the other.
    return browser if may or isinstance(link, Refusal) else link


def _may(ground: CommandContext, held: LoadedRun, person: Person, address: str) -> bool:
    return ground.may(person, Address("email", address), held.owner)


def _holder(ground: CommandContext, tx: Tx, held: LoadedRun, command: AnswerAttention) -> Proof | Refusal:
    link = attention_links.load_link(tx.connection, command.link, tx.now) if command.link else None
    if link is None or link.run != held.state.id:
        return NoLink()
    if link.state is not LinkState.LIVE:
        return NoLink(state=link.state)
    resume = command.resume
    if (link.step, link.visit, link.attempt) != (resume.step, resume.visit, resume.attempt):
        return NoLink()
    if not _may(ground, held, link.person, link.address):
        return NotAllowed(why=_NOT_YOURS)
    return Proof(link.person, Assurance.LINK, link.address, f"holder of the link sent to {link.address}")


def _reader(tx: Tx, command: AnswerAttention) -> Proof | None:
    found = browsers.load_browser(tx.connection, command.browser, tx.now) if command.browser else None
    return assurance.of_browser(found) if found is not None else None
