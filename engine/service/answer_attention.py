"""Answers for a step of unknown outcome by a person identified by a link, a remembered browser or a code."""

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
from engine.service import assurance, code_confirmation, resume
from engine.service.assurance import Proof
from engine.service.context import CommandContext
from engine.store import attention_links, browsers, challenges, run_rows
from engine.store.port import Tx
from engine.store.run_rows import LoadedRun

_NOT_YOURS = "Only the owner of the workflow or an admin can say whether a step happened."


def answer(context: CommandContext, tx: Tx, command: AnswerAttention, resolved: Resolved) -> Done | Refusal:
    """Answer for a step, or ask for a code first if there is only a link: the unit of `Engine.answer`."""
    run = run_rows.load_run(tx, command.resume.run)
    if run is None:
        return NotFound(what="run", name=command.resume.run)
    proof = _prove(context, tx, run, command)
    if isinstance(proof, Refusal):
        return proof
    if proof.assurance is not Assurance.LINK:
        return answer_as(context, tx, command.resume, proof, resolved)
    accepted = resume.check_answer(context, tx, run, command.resume)
    assert proof.address is not None
    # A link lets its holder look. An answer needs a code as well.
    return accepted if isinstance(accepted, Refusal) else NeedsCode(address=proof.address)


def answer_as(context: CommandContext, tx: Tx, command: Resume, proof: Proof, resolved: Resolved) -> Done | Refusal:
    """Answer as the person that the proof identifies, if they are still allowed to."""
    proven = structs.replace(command, actor=proof.actor(command.actor), assurance=proof.assurance)
    return resume.resume(context, tx, proven, resolved, acted_as=proof.acted_as)


def ask(context: CommandContext, codes: Codes, tx: Tx, command: AskAnswerCode) -> CodeSent | Refusal:
    """Send a code that confirms an answer: the unit of `Identity.ask_answer_code`.

    An answer that would be refused anyway is refused here, before a code is sent.
    """
    answer = command.answer
    run = run_rows.load_run(tx, answer.resume.run)
    if run is None:
        return NotFound(what="run", name=answer.resume.run)
    challenges.sweep(tx)
    earlier = challenges.find_confirming(tx.connection, command.holder, answer.form, answer.resume)
    if earlier is not None:
        return code_confirmation.sent(earlier)
    proof = _prove(context, tx, run, answer)
    if isinstance(proof, Refusal):
        return proof
    accepted = resume.check_answer(context, tx, run, answer.resume)
    if isinstance(accepted, Refusal):
        return accepted
    return code_confirmation.ask(
        codes,
        tx,
        command,
        answer.resume,
        proof,
        workspace=run.workspace,
        run=run.state.id,
        form=answer.form,
        shown_values=answer.shown_values,
    )


def _prove(context: CommandContext, tx: Tx, run: LoadedRun, command: AnswerAttention) -> Proof | Refusal:
    """Return the proof of the person who answers: of a remembered browser if they are allowed to, else of the link."""
    link, browser = _link_proof(context, tx, run, command), _browser_proof(tx, command)
    if browser is None:
        return link
    may = browser.person is not None and _may_answer(context, run, browser.person, browser.actor(command.resume.actor))
    # A person may open the link of a colleague. They answer as themselves if they may, and never as the colleague.
    return browser if may or isinstance(link, Refusal) else link


def _may_answer(context: CommandContext, run: LoadedRun, person: Person, address: Address) -> bool:
    return context.may(person, address, run.owner)


def _link_proof(context: CommandContext, tx: Tx, run: LoadedRun, command: AnswerAttention) -> Proof | Refusal:
    link = attention_links.load_link(tx.connection, command.link, tx.now) if command.link else None
    if link is None or link.run != run.state.id:
        return NoLink()
    if link.state is not LinkState.LIVE:
        return NoLink(state=link.state)
    resume = command.resume
    if (link.step, link.visit, link.attempt) != (resume.step, resume.visit, resume.attempt):
        return NoLink()
    if not _may_answer(context, run, link.person, Address("email", link.address)):
        return NotAllowed(why=_NOT_YOURS)
    return Proof(link.person, Assurance.LINK, link.address, f"holder of the link sent to {link.address}")


def _browser_proof(tx: Tx, command: AnswerAttention) -> Proof | None:
    browser = browsers.load_browser(tx.connection, command.browser, tx.now) if command.browser else None
    return None if browser is None else assurance.of_browser(browser)
