"""Links, codes and remembered browsers: what each of them proves, and what it does not prove."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.presentation import refusals
from engine.code_derivation import MIN_KEY, Codes
from engine.domain import (
    Address,
    AlreadyDecided,
    AskCode,
    Assurance,
    Changed,
    CodeExpired,
    CodeSent,
    Decide,
    Decided,
    DeliveryKind,
    GiveCode,
    InvalidEdits,
    Link,
    LinkState,
    NeedsCode,
    NoLink,
    NotAnApprover,
    NotFound,
    Origin,
    ProvenIdentity,
    Purpose,
    ReasonMissing,
    Refusal,
    Register,
    SignIn,
    Verdict,
    WrongCode,
)
from engine.errors import ChannelError
from engine.service import Engine
from engine.store import challenges
from engine.store.metadata import METADATA
from tests.support.databases import OpenStore, on_server
from tests.support.engine_env import SAM, TERMINAL, EngineEnv, open_engine
from tests.support.fakes import people_reached_by
from tests.support.recording_channel import Fault

LEE, MIA = "lee@example.com", "mia@example.com"
WEB = Origin(surface="web")
GATED = """
name: flow
owner: sam@example.com
steps:
  - {{id: act, uses: set, with: {{n: 1}}, gate: {{approvers: [lee@example.com, mia@example.com]{keys}}}}}
"""


@pytest.fixture
async def env(tmp_path: Path, open_database: OpenStore) -> AsyncIterator[EngineEnv]:
    async with open_engine(
        tmp_path / "signoff.db", open_store=open_database, directory=people_reached_by("email")
    ) as env:
        yield env


async def start_run(env: EngineEnv, keys: str = "") -> str:
    """Start a run whose approvers have been asked by email."""
    await env.register(GATED.format(keys=keys))
    run = await env.start()
    await env.settle()
    return run


def token(env: EngineEnv, address: str = LEE) -> str:
    """Return the token of the link in the newest email to the address."""
    token = env.mail.to(address, DeliveryKind.REQUEST)[-1].token
    assert token is not None
    return token


def code(env: EngineEnv, address: str = LEE) -> str:
    """Return the code in the newest email to the address."""
    code = env.mail.to(address, DeliveryKind.CODE)[-1].code
    assert code is not None
    return code


async def command(env: EngineEnv, run: str, **changes: Any) -> Decide:
    """Return an approval by the link of Lee."""
    proofs: dict[str, Any] = {} if "link" in changes else {"link": token(env)}
    return await env.approval_by_link(run, **{"form": "form-1", **proofs, **changes})


async def ask_code(env: EngineEnv, decide: Decide, holder: str = "browser") -> CodeSent:
    """Ask for a code for this decision and deliver its email."""
    answer = await env.identity.ask_code(AskCode(decide=decide, holder=holder))
    assert isinstance(answer, CodeSent)
    await env.settle()
    return answer


async def give_code(
    env: EngineEnv, challenge: str, typed: str, holder: str = "browser"
) -> ProvenIdentity | WrongCode | CodeExpired:
    return await env.identity.give_code(GiveCode(challenge=challenge, holder=holder, code=typed, label="Firefox"))


async def prove_and_decide(env: EngineEnv, run: str, holder: str = "browser") -> ProvenIdentity:
    """Decide as Lee with a code, and return the proof with the remembered browser."""
    challenge = await ask_code(env, await command(env, run), holder)
    answer = await give_code(env, challenge.challenge, code(env), holder)
    assert isinstance(answer, ProvenIdentity)
    return answer


async def recorded_proof(env: EngineEnv) -> tuple[str, str]:
    """Return the assurance and the person of the only decision."""
    ((assurance, record),) = await env.rows("SELECT assurance, record FROM decision")
    return assurance, json.loads(record)["acted_as"]


# -- links --------------------------------------------------------------------------------------------------


async def test_a_link_opens_its_request_for_its_recipient(env: EngineEnv) -> None:
    run = await start_run(env)
    link = await env.identity.link(token(env))
    assert isinstance(link, Link)
    assert (link.request, link.address, link.state) == ((await env.request(run)).id, LEE, LinkState.LIVE)
    assert link.person.email == LEE
    assert await env.identity.link("x" * 43) is None


async def test_only_the_hash_of_a_token_is_kept_and_nothing_of_a_code(env: EngineEnv) -> None:
    run = await start_run(env)
    await ask_code(env, await command(env, run))
    tables = [await env.rows(f"SELECT * FROM {table.name}") for table in METADATA.sorted_tables]
    assert token(env) not in repr(tables)
    assert code(env) not in repr(tables)
    for file in (env.path, env.path.with_name("signoff.db-wal")):
        if file.exists():
            assert token(env).encode() not in file.read_bytes()
            assert code(env).encode() not in file.read_bytes()
    assert "token" not in repr(env.mail.to(LEE, DeliveryKind.REQUEST))
    assert code(env) not in repr(env.mail.to(LEE, DeliveryKind.CODE))


async def test_each_copy_and_each_attempt_has_a_link_of_its_own_and_all_of_them_work(env: EngineEnv) -> None:
    unknown = ChannelError("no answer after the final dot", outcome_unknown=True)
    env.mail.channel.queue_faults(Fault(error=unknown), Fault(error=unknown))
    await start_run(env)
    env.pass_time(seconds=3)
    await env.settle()
    second = env.mail.to(LEE, DeliveryKind.REQUEST)[-1]
    assert second.again, "the email says that it may be a second one"
    assert token(env, LEE) != token(env, MIA)
    assert await env.rows("SELECT count(*), count(DISTINCT hash) FROM link") == [(4, 4)]


async def test_a_link_whose_email_was_refused_is_forgotten(env: EngineEnv, caplog: pytest.LogCaptureFixture) -> None:
    error = ChannelError("the mail server mail.example.com:587 cannot be reached")
    env.mail.channel.queue_faults(*[Fault(error=error)] * 4)
    with caplog.at_level(logging.INFO, logger="engine.delivery.concurrency"):
        await start_run(env)
        for _ in range(3):
            env.pass_time(seconds=5)
            await env.settle()
    assert (await env.identity.link(token(env, LEE))) is not None
    assert await env.rows("SELECT count(*) FROM link") == [(2,)]
    assert [recorded_proof.getMessage() for recorded_proof in caplog.records] == [
        f"a copy could not be shown through email and is tried again: {error}",
        "copies get through email again",
    ], "an unreachable server fails each copy with the same error"


async def test_a_link_alone_decides_only_where_the_gate_says_so(env: EngineEnv) -> None:
    run = await start_run(env)
    assert await env.engine.decide(await command(env, run)) == NeedsCode(address=LEE)
    assert (await env.request(run)).decision is None
    run = await start_run(env, ", assurance: link")
    assert isinstance(await env.engine.decide(await command(env, run)), Decided)
    assert await recorded_proof(env) == ("link", f"holder of the link sent to {LEE}")


async def test_a_claimed_assurance_needs_its_proof(env: EngineEnv) -> None:
    run = await start_run(env, ", assurance: link")
    for assurance in (Assurance.LINK, Assurance.CODE, Assurance.SSO):
        for link in (None, "", "x" * 43):
            answer = await env.engine.decide(await command(env, run, assurance=assurance, link=link))
            assert answer == NoLink(state=None)
    claimed = await command(env, run, assurance=Assurance.CODE)
    assert isinstance(await env.engine.decide(claimed), Decided)
    assert (await recorded_proof(env))[0] == "link", "the record has the proven assurance"


async def test_a_claim_that_a_decision_was_confirmed_is_not_believed(env: EngineEnv) -> None:
    run = await start_run(env, ", assurance: link, confirm_with: code")
    for assurance in (Assurance.LINK, Assurance.SLACK):
        claimed = await command(env, run, assurance=assurance, confirmed=Assurance.SSO)
        assert await env.engine.decide(claimed) == NeedsCode(address=LEE)


async def test_a_gate_is_refused_if_this_server_cannot_ask_for_its_proof(env: EngineEnv) -> None:
    missing = {Assurance.SSO: "Set A and B.", Assurance.CODE: "Set C."}
    engine = Engine(env.store, env.advancer, unavailable=missing)

    async def register(keys: str) -> str:
        source = GATED.format(keys=keys).encode()
        answer = await engine.register(Register(source=source, actor=SAM, origin=TERMINAL))
        return refusals.sentence(answer) if isinstance(answer, Refusal) else ""

    wants = "The gate of step act wants people to sign in with Slack, which this server cannot offer yet. Set A and B."
    assert await register(", assurance: sso, confirm_with: sso") == wants
    assert await register(", confirm_with: code") == (
        "The gate of step act confirms each decision with a code by email, which this server cannot send yet. Set C."
    )
    assert await register(", assurance: code") == ""


async def test_a_link_to_another_request_proves_nothing(env: EngineEnv) -> None:
    first = await start_run(env, ", assurance: link")
    other = token(env)
    await env.decide(first)
    second = await start_run(env, ", assurance: link")
    assert await env.engine.decide(await command(env, second, link=other)) == NoLink()


async def test_the_recipient_of_the_link_decides_and_not_the_claimed_address(env: EngineEnv) -> None:
    run = await start_run(env, ", assurance: link")
    claimed = await command(env, run, actor=Address("email", MIA))
    assert isinstance(await env.engine.decide(claimed), Decided)
    decision = (await env.request(run)).decision
    assert decision is not None
    assert decision.person.email == LEE


async def test_links_expire_and_can_be_revoked(env: EngineEnv) -> None:
    run = await start_run(env, ", assurance: link")
    link = token(env)
    assert await env.identity.revoke((await env.request(run)).id) == 2
    link_view = await env.identity.link(link)
    assert link_view is not None
    assert link_view.state is LinkState.REVOKED
    assert await env.engine.decide(await command(env, run)) == NoLink(state=LinkState.REVOKED)
    assert "links.revoked" in await env.kinds(run)
    run = await start_run(env, ", assurance: link")
    env.pass_time(days=31)
    link_view = await env.identity.link(token(env))
    assert link_view is not None
    assert link_view.state is LinkState.EXPIRED
    assert await env.engine.decide(await command(env, run)) == NoLink(state=LinkState.EXPIRED)
    assert isinstance(await env.identity.revoke("nothing"), NotFound)


# -- codes --------------------------------------------------------------------------------------------------


async def test_the_code_confirms_exactly_the_decision_that_waits_for_it(env: EngineEnv) -> None:
    run = await start_run(env, ", reason_required: always")
    decide = await command(env, run, edits={"n": 2}, reason="cheaper")
    challenge = await ask_code(env, decide)
    card = env.mail.to(LEE, DeliveryKind.CODE)[-1]
    assert card.token is None
    assert card.until == env.clock.now() + timedelta(minutes=10)
    assert (await env.request(run)).decision is None
    answer = await give_code(env, challenge.challenge, code(env))
    assert isinstance(answer, ProvenIdentity)
    assert isinstance(answer.answer, Decided)
    assert answer.person.email == LEE
    decision = (await env.request(run)).decision
    assert decision is not None
    assert (decision.reason, [edit.after for edit in decision.edits]) == ("cheaper", [2])
    assert await recorded_proof(env) == ("code", f"reader of a code sent to {LEE}")


async def test_an_invalid_decision_is_refused_before_a_code_is_sent(env: EngineEnv) -> None:
    run = await start_run(env)
    cases: list[tuple[dict[str, Any], type[Refusal]]] = [
        ({"edits": {"nothing": 1}}, InvalidEdits),
        ({"digest": "0" * 64}, Changed),
        ({"verdict": Verdict.REJECT}, ReasonMissing),
        ({"link": "x"}, NoLink),
        ({"request": "x"}, NotFound),
    ]
    for changes, refusal in cases:
        ask = AskCode(decide=await command(env, run, **changes), holder="browser")
        assert isinstance(await env.identity.ask_code(ask), refusal)
    await env.decide(run)
    ask = AskCode(decide=await command(env, run), holder="browser")
    assert isinstance(await env.identity.ask_code(ask), AlreadyDecided)
    await env.settle()
    assert env.mail.to(LEE, DeliveryKind.CODE) == []


async def test_a_form_that_is_sent_twice_asks_for_one_code(env: EngineEnv) -> None:
    run = await start_run(env)
    decide = await command(env, run)
    assert await ask_code(env, decide) == await ask_code(env, decide)
    assert len(env.mail.to(LEE, DeliveryKind.CODE)) == 1
    other_challenge = await ask_code(env, decide, "another browser")
    assert len(env.mail.to(LEE, DeliveryKind.CODE)) == 2
    assert other_challenge != await ask_code(env, decide)


async def test_a_code_is_typed_as_people_type_it(env: EngineEnv) -> None:
    run = await start_run(env)
    challenge = await ask_code(env, await command(env, run))
    right = code(env)
    assert isinstance(await give_code(env, challenge.challenge, f"  {right[:4]} {right[4:]}\n"), ProvenIdentity)


async def test_a_code_can_be_used_once(env: EngineEnv) -> None:
    run = await start_run(env)
    challenge = await ask_code(env, await command(env, run))
    first = await give_code(env, challenge.challenge, code(env))
    assert isinstance(first, ProvenIdentity)
    assert await give_code(env, challenge.challenge, code(env)) == CodeExpired()
    assert len(await env.identity.browsers(first.person.id)) == 1
    assert (await recorded_proof(env))[0] == "code"


async def test_a_challenge_belongs_to_the_browser_that_asked(env: EngineEnv) -> None:
    run = await start_run(env)
    challenge = await ask_code(env, await command(env, run))
    assert await give_code(env, challenge.challenge, code(env), "another") == CodeExpired()
    assert await env.identity.challenge(challenge.challenge, "another") is None
    view = await env.identity.challenge(challenge.challenge, "browser")
    assert view is not None
    assert (view.tries_left, view.address, view.verdict, view.used) == (5, LEE, Verdict.APPROVE, False)
    assert await env.identity.challenge("nothing", "browser") is None


async def test_five_wrong_codes_end_one_challenge_and_no_other(env: EngineEnv) -> None:
    run = await start_run(env)
    challenge = await ask_code(env, await command(env, run))
    wrong = "0" * 8 if code(env) != "0" * 8 else "1" * 8
    answers = [await give_code(env, challenge.challenge, wrong) for _ in range(6)]
    reference = str(env.mail.to(LEE, DeliveryKind.CODE)[-1].details[0].text[0])
    wrong_codes = [WrongCode(left=left, reference=reference) for left in (4, 3, 2, 1)]
    assert answers == [*wrong_codes, CodeExpired(), CodeExpired()]
    assert (await env.kinds(run)).count("code.exhausted") == 1
    assert await give_code(env, challenge.challenge, code(env)) == CodeExpired()
    new_challenge = await ask_code(env, await command(env, run, form="form-2"))
    assert isinstance(await give_code(env, new_challenge.challenge, code(env)), ProvenIdentity)


async def test_a_code_is_valid_for_ten_minutes(env: EngineEnv) -> None:
    run = await start_run(env)
    challenge = await ask_code(env, await command(env, run))
    env.pass_time(minutes=10)
    assert await give_code(env, challenge.challenge, code(env)) == CodeExpired()


async def test_a_code_for_another_person_is_wrong(env: EngineEnv) -> None:
    run = await start_run(env)
    challenge = await ask_code(env, await command(env, run))
    await ask_code(env, await command(env, run, link=token(env, MIA), form="form-2"), "browser of Mia")
    assert isinstance(await give_code(env, challenge.challenge, code(env, MIA)), WrongCode)


async def test_after_an_earlier_decision_the_code_still_makes_the_browser_remembered(env: EngineEnv) -> None:
    run = await start_run(env)
    challenge = await ask_code(env, await command(env, run))
    assert isinstance(await env.decide(run, by=Address("email", MIA)), Decided)
    answer = await give_code(env, challenge.challenge, code(env))
    assert isinstance(answer, ProvenIdentity)
    assert isinstance(answer.answer, AlreadyDecided)
    assert await env.identity.browser(answer.browser) is not None


# -- scanners -----------------------------------------------------------------------------------------------


async def test_a_scanner_that_asks_for_codes_does_not_lock_the_person_out(env: EngineEnv) -> None:
    run = await start_run(env)
    for minute in range(30):
        for number in range(3):
            scanner = f"scanner {minute}-{number}"
            challenge = await ask_code(env, await command(env, run, form=scanner), scanner)
            for _ in range(5):
                await give_code(env, challenge.challenge, "12345678", scanner)
        env.pass_time(minutes=1)
        newest = env.mail.to(LEE, DeliveryKind.CODE)[-1]
        assert newest.until is not None
        assert newest.until >= env.clock.now(), "an email with a valid code exists, or another one is sent"
    mine = await ask_code(env, await command(env, run, form="mine"), "mine")
    assert mine.purpose is Purpose.SIGN_IN
    proof = await give_code(env, mine.challenge, code(env), "mine")
    assert isinstance(proof, ProvenIdentity)
    assert proof.answer is None, "a code to sign in decides nothing"
    assert (await env.request(run)).decision is None
    assert isinstance(await env.engine.decide(await command(env, run, browser=proof.browser)), Decided)


async def test_an_address_does_not_get_more_than_a_few_codes(env: EngineEnv) -> None:
    run = await start_run(env)
    answers = []
    for number in range(60):
        answers.append(await ask_code(env, await command(env, run, form=f"form-{number}")))
        env.pass_time(minutes=1)
    confirms = [answer.purpose is Purpose.DECIDE for answer in answers]
    assert confirms == [*[True] * challenges.UNANSWERED_PER_HOUR, *[False] * 55]
    assert len(env.mail.to(LEE, DeliveryKind.CODE)) <= challenges.UNANSWERED_PER_HOUR + challenges.SIGN_INS_PER_HOUR + 6


async def test_wrong_codes_of_others_do_not_keep_a_person_from_using_theirs(env: EngineEnv) -> None:
    run = await start_run(env)
    mine = await ask_code(env, await command(env, run, form="mine"), "mine")
    right = code(env)
    tries = 0
    for number in range(144):
        guesser = f"guesser {number}"
        theirs = await ask_code(env, await command(env, run, form=guesser), guesser)
        for _ in range(5):
            answer = await give_code(env, theirs.challenge, "12345678" if number < 4 else "1234" * 4, guesser)
            tries += 1
            assert isinstance(answer, WrongCode | CodeExpired)
    assert tries == 720
    assert isinstance(await give_code(env, mine.challenge, right, "mine"), ProvenIdentity)


async def test_wrong_codes_for_decisions_are_few_whatever_is_asked_for(env: EngineEnv) -> None:
    run = await start_run(env)
    tries = 0
    for number in range(24 * 12):
        asked_for = await ask_code(env, await command(env, run, form=f"form-{number}"), f"guesser {number}")
        while asked_for.purpose is Purpose.DECIDE:
            tries += 1
            if isinstance(await give_code(env, asked_for.challenge, "12345678", f"guesser {number}"), CodeExpired):
                break
        env.pass_time(minutes=5)
    assert tries == challenges.UNANSWERED_PER_DAY * challenges.TRIES
    assert (await env.kinds(run)).count("code.exhausted") == challenges.UNANSWERED_PER_DAY


# -- browsers -----------------------------------------------------------------------------------------------


async def test_a_browser_that_is_remembered_needs_no_other_code(env: EngineEnv) -> None:
    proof = await prove_and_decide(env, await start_run(env))
    run = await start_run(env)
    assert isinstance(await env.engine.decide(await command(env, run, browser=proof.browser)), Decided)
    run = await start_run(env)
    without_link = await command(env, run, browser=proof.browser, link=None)
    assert isinstance(await env.engine.decide(without_link), Decided), "a command from the inbox has no link"


async def test_a_browser_is_remembered_for_thirty_days_or_until_it_is_forgotten(env: EngineEnv) -> None:
    proof = await prove_and_decide(env, await start_run(env))
    browser = await env.identity.browser(proof.browser)
    assert browser is not None
    assert (browser.address, browser.label, browser.until) == (LEE, "Firefox", env.clock.now() + timedelta(days=30))
    other_proof = await prove_and_decide(env, await start_run(env), "another")
    browsers = await env.identity.browsers(proof.person.id)
    assert len(browsers) == 2
    assert await env.identity.forget(other_proof.browser, browser.id)
    assert not await env.identity.forget(other_proof.browser, browser.id)
    assert await env.identity.browser(proof.browser) is None
    run = await start_run(env)
    assert isinstance(await env.engine.decide(await command(env, run, browser=proof.browser)), NeedsCode)
    env.pass_time(days=30)
    assert await env.identity.browser(other_proof.browser) is None


async def test_people_can_forget_only_their_own_browsers(env: EngineEnv) -> None:
    run = await start_run(env)
    lee = await prove_and_decide(env, run)
    run = await start_run(env)
    challenge = await ask_code(env, await command(env, run, link=token(env, MIA)), "browser of Mia")
    mia = await give_code(env, challenge.challenge, code(env, MIA), "browser of Mia")
    assert isinstance(mia, ProvenIdentity)
    browser = await env.identity.browser(lee.browser)
    assert browser is not None
    assert not await env.identity.forget(mia.browser, browser.id)
    assert not await env.identity.forget("nothing", browser.id)
    assert await env.identity.browser(lee.browser) is not None


async def test_a_person_who_opens_the_link_of_a_colleague_decides_as_themselves(env: EngineEnv) -> None:
    run = await start_run(env)
    challenge = await ask_code(env, await command(env, run, link=token(env, MIA)), "browser of Mia")
    mia = await give_code(env, challenge.challenge, code(env, MIA), "browser of Mia")
    assert isinstance(mia, ProvenIdentity)
    run = await start_run(env)
    assert isinstance(await env.engine.decide(await command(env, run, browser=mia.browser)), Decided)
    decision = (await env.request(run)).decision
    assert decision is not None
    assert decision.person.email == MIA


async def test_a_forwarded_link_is_useless_in_the_browser_of_a_person_who_is_not_asked(env: EngineEnv) -> None:
    await env.register(GATED.format(keys="").replace("lee@example.com, mia", "mia"))
    run = await env.start()
    await env.settle()
    challenge = await ask_code(env, await command(env, run, link=token(env, MIA)), "browser of Mia")
    mia = await give_code(env, challenge.challenge, code(env, MIA), "browser of Mia")
    assert isinstance(mia, ProvenIdentity)
    await env.register(GATED.format(keys="").replace(", mia@example.com", ""))
    run = await env.start()
    await env.settle()
    assert await env.engine.decide(await command(env, run, browser=mia.browser)) == NeedsCode(address=LEE)
    without_link = await command(env, run, browser=mia.browser, link=None)
    assert isinstance(await env.engine.decide(without_link), NotAnApprover)


async def test_the_last_use_of_a_browser_is_saved_once_an_hour(env: EngineEnv) -> None:
    proof = await prove_and_decide(env, await start_run(env))
    start = env.clock.now()
    env.pass_time(minutes=59)
    first = await env.identity.browser(proof.browser)
    env.pass_time(minutes=2)
    await env.identity.browser(proof.browser)
    second = await env.identity.browser(proof.browser)
    assert first is not None
    assert second is not None
    assert (first.seen_at, second.seen_at) == (start, env.clock.now())


# -- signing in ---------------------------------------------------------------------------------------------


async def test_a_person_signs_in_with_a_code(env: EngineEnv) -> None:
    await start_run(env)
    answer = await env.identity.sign_in(SignIn(email=" Lee@Example.com ", holder="browser", form="f"))
    assert isinstance(answer, CodeSent)
    await env.settle()
    proof = await give_code(env, answer.challenge, code(env))
    assert isinstance(proof, ProvenIdentity)
    assert (proof.person.email, proof.answer, proof.request) == (LEE, None, None)


async def test_asking_to_sign_in_stores_nothing_unless_a_code_is_sent(env: EngineEnv) -> None:
    await start_run(env)
    for number in range(50):
        await env.identity.sign_in(SignIn(email=f"no{number}@example.com", holder="browser", form=f"f{number}"))
    assert await challenges_of(env) == 0
    for number in range(50):
        await env.identity.sign_in(SignIn(email=LEE, holder=f"browser {number}", form=f"g{number}"))
    assert await challenges_of(env) == challenges.SIGN_INS_PER_HOUR
    env.pass_time(hours=25)
    await env.identity.sign_in(SignIn(email="late@example.com", holder="browser", form="g"))
    assert await challenges_of(env) == 0


async def test_a_code_that_could_not_be_sent_for_hours_is_given_up(env: EngineEnv) -> None:
    await start_run(env)
    await env.settle()
    await env.identity.sign_in(SignIn(email=LEE, holder="browser", form="f"))
    env.pass_time(hours=25)
    await env.identity.sign_in(SignIn(email="no@example.com", holder="browser", form="g"))
    assert await challenges_of(env) == 0
    await env.settle()
    assert env.mail.to(LEE, DeliveryKind.CODE) == []


async def test_signing_in_writes_to_the_disk_for_known_and_unknown_addresses(tmp_path: Path) -> None:
    async with open_engine(tmp_path / "signoff.db", directory=people_reached_by("email")) as env:
        await start_run(env)
        wal = env.path.with_name("signoff.db-wal")
        for email in (LEE, "no@example.com", LEE, "no@example.com", LEE):
            before = wal.read_bytes()
            await env.identity.sign_in(SignIn(email=email, holder="browser", form=None))
            assert wal.read_bytes() != before, "the write is on the disk before the answer"


async def test_signing_in_takes_as_many_commits_for_known_and_unknown_addresses(postgres_database: str) -> None:
    store = on_server(postgres_database)
    async with open_engine(Path("unused"), directory=people_reached_by("email"), open_store=store) as env:
        await start_run(env)
        positions = [await log_position(env)]
        for email in (LEE, "no@example.com", LEE, "no@example.com", LEE):
            await env.identity.sign_in(SignIn(email=email, holder="browser", form=None))
            positions.append(await log_position(env))
        assert len(set(positions)) == len(positions), "each has written to the log of the server"


async def log_position(env: EngineEnv) -> str:
    ((position,),) = await env.rows("SELECT pg_current_wal_insert_lsn()::text")
    return str(position)


async def test_codes_that_went_to_others_do_not_count(env: EngineEnv) -> None:
    run = await start_run(env)
    for number in range(6):
        await ask_code(env, await command(env, run, link=token(env, MIA), form=f"form-{number}"), "browser of Mia")
    mine = await ask_code(env, await command(env, run, form="mine"), "mine")
    assert mine.purpose is Purpose.DECIDE


async def challenges_of(env: EngineEnv) -> int:
    ((count,),) = await env.rows("SELECT count(*) FROM challenge")
    return int(count)


async def test_an_unknown_address_looks_like_any_other_and_gets_nothing(env: EngineEnv) -> None:
    await start_run(env)
    known_sent = await env.identity.sign_in(SignIn(email=LEE, holder="browser", form="f"))
    unknown_sent = await env.identity.sign_in(SignIn(email="no@example.com", holder="browser", form="g"))
    assert isinstance(known_sent, CodeSent)
    assert isinstance(unknown_sent, CodeSent)
    assert (unknown_sent.purpose, unknown_sent.until) == (known_sent.purpose, known_sent.until)
    assert await env.identity.sign_in(SignIn(email="no@example.com", holder="browser", form="g")) == unknown_sent
    await env.settle()
    assert env.mail.to("no@example.com", DeliveryKind.CODE) == []
    views = [await env.identity.challenge(ask_code.challenge, "browser") for ask_code in (known_sent, unknown_sent)]
    assert [(view.purpose, view.tries_left, view.request) for view in views if view] == [
        (Purpose.SIGN_IN, None, None)
    ] * 2
    for sent_code in (known_sent, unknown_sent):
        assert await give_code(env, sent_code.challenge, "0" * 16) == WrongCode()


def test_a_key_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 32"):
        Codes(b"short")
    codes, other_codes = Codes(b"a" * MIN_KEY), Codes(b"b" * MIN_KEY)
    assert codes.code("c") == codes.code("c") != other_codes.code("c")
    assert len({codes.code(str(number)) for number in range(1000)}) == 1000
    mac = codes.mac("c", "this", codes.code("c"))
    assert codes.matches("c", "this", codes.code("c"), mac)
    assert not codes.matches("c", "this", codes.code("d"), mac)
    assert not codes.matches("c", "that", codes.code("c"), mac)


def test_the_sealed_value_of_a_browser_can_neither_be_read_nor_changed() -> None:
    codes, other_codes = Codes(b"a" * MIN_KEY), Codes(b"b" * MIN_KEY)
    sealed = codes.seal("lee@example.com")
    assert codes.unseal(sealed) == "lee@example.com"
    assert "lee" not in sealed
    assert other_codes.unseal(sealed) is None
    for index in range(2, len(sealed)):
        assert codes.unseal(sealed[:index] + ("A" if sealed[index] != "A" else "B") + sealed[index + 1 :]) is None
    for broken in ("", "s.", "s.é", "s." + "A" * 3000, "s.A", sealed[2:], sealed[:-2]):
        assert codes.unseal(broken) is None
