"""What a link, a code and a remembered browser prove, and what they do not."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

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
    SignIn,
    Verdict,
    WrongCode,
)
from engine.errors import ChannelError
from engine.store import challenges
from tests.support.engine_env import EngineEnv, open_engine
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
async def home(tmp_path: Path) -> AsyncIterator[EngineEnv]:
    async with open_engine(tmp_path / "signoff.db", directory=people_reached_by("email")) as made:
        yield made


async def asked(home: EngineEnv, keys: str = "") -> str:
    """A run whose approvers have mail."""
    await home.register(GATED.format(keys=keys))
    run = await home.start()
    await home.settle()
    return run


def token(home: EngineEnv, address: str = LEE) -> str:
    """What the link of the newest mail to the address carries."""
    found = home.mail.to(address, DeliveryKind.REQUEST)[-1].token
    assert found is not None
    return found


def code(home: EngineEnv, address: str = LEE) -> str:
    """The code in the newest mail to the address."""
    found = home.mail.to(address, DeliveryKind.CODE)[-1].code
    assert found is not None
    return found


async def command(home: EngineEnv, run: str, **changes: Any) -> Decide:
    """An approval by whoever holds Lee's link."""
    held: dict[str, Any] = {} if "link" in changes else {"link": token(home)}
    return await home.approval_by_link(run, **{"form": "form-1", **held, **changes})


async def sent(home: EngineEnv, decide: Decide, holder: str = "browser") -> CodeSent:
    """A code for this decision, in its mail when this returns."""
    answer = await home.identity.ask_code(AskCode(decide=decide, holder=holder))
    assert isinstance(answer, CodeSent)
    await home.settle()
    return answer


async def give(
    home: EngineEnv, challenge: str, given: str, holder: str = "browser"
) -> ProvenIdentity | WrongCode | CodeExpired:
    return await home.identity.give_code(GiveCode(challenge=challenge, holder=holder, code=given, label="Firefox"))


async def proven(home: EngineEnv, run: str, holder: str = "browser") -> ProvenIdentity:
    """Lee, who decided with a code, and whose browser is remembered."""
    challenge = await sent(home, await command(home, run), holder)
    answer = await give(home, challenge.challenge, code(home), holder)
    assert isinstance(answer, ProvenIdentity)
    return answer


def record(home: EngineEnv) -> tuple[str, str]:
    """How the one decision was made: its assurance, and as whom."""
    with closing(sqlite3.connect(home.path)) as connection:
        query = "SELECT assurance, json_extract(record, '$.acted_as') FROM decision"
        ((assurance, acted_as),) = connection.execute(query).fetchall()
    return assurance, acted_as


# -- links --------------------------------------------------------------------------------------------------


async def test_a_link_opens_its_request_for_whoever_it_was_sent_to(home: EngineEnv) -> None:
    run = await asked(home)
    link = await home.identity.link(token(home))
    assert isinstance(link, Link)
    assert (link.request, link.address, link.state) == ((await home.request(run)).id, LEE, LinkState.LIVE)
    assert link.person.email == LEE
    assert await home.identity.link("x" * 43) is None


async def test_only_the_hash_of_a_token_is_kept_and_nothing_of_a_code(home: EngineEnv) -> None:
    run = await asked(home)
    await sent(home, await command(home, run))
    kept = home.path.read_bytes() + home.path.with_name("signoff.db-wal").read_bytes()
    assert token(home).encode() not in kept
    assert code(home).encode() not in kept
    assert "token" not in repr(home.mail.to(LEE, DeliveryKind.REQUEST))
    assert code(home) not in repr(home.mail.to(LEE, DeliveryKind.CODE))


async def test_each_copy_and_each_attempt_has_a_link_of_its_own_and_all_of_them_work(home: EngineEnv) -> None:
    unknown = ChannelError("no answer after the final dot", outcome_unknown=True)
    home.mail.channel.queue_faults(Fault(error=unknown), Fault(error=unknown))
    await asked(home)
    home.pass_time(seconds=3)
    await home.settle()
    again = home.mail.to(LEE, DeliveryKind.REQUEST)[-1]
    assert again.again, "whoever reads it learns that it may be the second"
    assert token(home, LEE) != token(home, MIA)
    with closing(sqlite3.connect(home.path)) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT hash) FROM link").fetchall() == [(4, 4)]


async def test_a_link_whose_mail_was_refused_is_forgotten(home: EngineEnv, caplog: pytest.LogCaptureFixture) -> None:
    refused = ChannelError("the mail server mail.example.com:587 cannot be reached")
    home.mail.channel.queue_faults(*[Fault(error=refused)] * 4)
    with caplog.at_level(logging.INFO, logger="engine.delivery.concurrency"):
        await asked(home)
        for _ in range(3):
            home.pass_time(seconds=5)
            await home.settle()
    assert (await home.identity.link(token(home, LEE))) is not None
    with closing(sqlite3.connect(home.path)) as connection:
        assert connection.execute("SELECT count(*) FROM link").fetchall() == [(2,)]
    assert [record.getMessage() for record in caplog.records] == [
        f"a copy could not be shown through email and is tried again: {refused}",
        "copies get through email again",
    ], "a server that is down says the same of every copy"


async def test_a_link_alone_decides_only_where_the_gate_says_so(home: EngineEnv) -> None:
    run = await asked(home)
    assert await home.engine.decide(await command(home, run)) == NeedsCode(address=LEE)
    assert (await home.request(run)).decision is None
    run = await asked(home, ", assurance: link")
    assert isinstance(await home.engine.decide(await command(home, run)), Decided)
    assert record(home) == ("link", f"holder of the link sent to {LEE}")


async def test_no_claim_is_worth_more_than_what_is_held(home: EngineEnv) -> None:
    run = await asked(home, ", assurance: link")
    for assurance in (Assurance.LINK, Assurance.CODE, Assurance.SSO):
        for link in (None, "", "x" * 43):
            refused = await home.engine.decide(await command(home, run, assurance=assurance, link=link))
            assert refused == NoLink(state=None)
    claimed = await command(home, run, assurance=Assurance.CODE)
    assert isinstance(await home.engine.decide(claimed), Decided)
    assert record(home)[0] == "link", "what is written down is what was proven"


async def test_a_link_to_another_request_proves_nothing(home: EngineEnv) -> None:
    first = await asked(home, ", assurance: link")
    other = token(home)
    await home.decide(first)
    second = await asked(home, ", assurance: link")
    assert await home.engine.decide(await command(home, second, link=other)) == NoLink()


async def test_whose_link_it_is_decides_and_not_the_address_that_is_claimed(home: EngineEnv) -> None:
    run = await asked(home, ", assurance: link")
    claimed = await command(home, run, actor=Address("email", MIA))
    assert isinstance(await home.engine.decide(claimed), Decided)
    decision = (await home.request(run)).decision
    assert decision is not None
    assert decision.person.email == LEE


async def test_links_run_out_and_can_be_withdrawn(home: EngineEnv) -> None:
    run = await asked(home, ", assurance: link")
    link = token(home)
    assert await home.identity.revoke((await home.request(run)).id) == 2
    found = await home.identity.link(link)
    assert found is not None
    assert found.state is LinkState.REVOKED
    assert await home.engine.decide(await command(home, run)) == NoLink(state=LinkState.REVOKED)
    assert "links.revoked" in await home.kinds(run)
    run = await asked(home, ", assurance: link")
    home.pass_time(days=31)
    found = await home.identity.link(token(home))
    assert found is not None
    assert found.state is LinkState.EXPIRED
    assert await home.engine.decide(await command(home, run)) == NoLink(state=LinkState.EXPIRED)
    assert isinstance(await home.identity.revoke("nothing"), NotFound)


# -- codes --------------------------------------------------------------------------------------------------


async def test_a_decision_waits_for_its_code_and_is_then_the_one_that_was_meant(home: EngineEnv) -> None:
    run = await asked(home, ", reason_required: always")
    decide = await command(home, run, edits={"n": 2}, reason="cheaper")
    challenge = await sent(home, decide)
    card = home.mail.to(LEE, DeliveryKind.CODE)[-1]
    assert card.token is None
    assert card.until == home.clock.now() + timedelta(minutes=10)
    assert (await home.request(run)).decision is None
    answer = await give(home, challenge.challenge, code(home))
    assert isinstance(answer, ProvenIdentity)
    assert isinstance(answer.answer, Decided)
    assert answer.person.email == LEE
    decision = (await home.request(run)).decision
    assert decision is not None
    assert (decision.reason, [one.after for one in decision.edits]) == ("cheaper", [2])
    assert record(home) == ("code", f"reader of a code sent to {LEE}")


async def test_what_would_be_refused_is_refused_before_a_code_is_sent(home: EngineEnv) -> None:
    run = await asked(home)
    wrong: list[tuple[dict[str, Any], type[Refusal]]] = [
        ({"edits": {"nothing": 1}}, InvalidEdits),
        ({"digest": "0" * 64}, Changed),
        ({"verdict": Verdict.REJECT}, ReasonMissing),
        ({"link": "x"}, NoLink),
        ({"request": "x"}, NotFound),
    ]
    for changes, refusal in wrong:
        ask = AskCode(decide=await command(home, run, **changes), holder="browser")
        assert isinstance(await home.identity.ask_code(ask), refusal)
    await home.decide(run)
    ask = AskCode(decide=await command(home, run), holder="browser")
    assert isinstance(await home.identity.ask_code(ask), AlreadyDecided)
    await home.settle()
    assert home.mail.to(LEE, DeliveryKind.CODE) == []


async def test_a_form_that_is_sent_twice_asks_for_one_code(home: EngineEnv) -> None:
    run = await asked(home)
    decide = await command(home, run)
    assert await sent(home, decide) == await sent(home, decide)
    assert len(home.mail.to(LEE, DeliveryKind.CODE)) == 1
    other = await sent(home, decide, "another browser")
    assert len(home.mail.to(LEE, DeliveryKind.CODE)) == 2
    assert other != await sent(home, decide)


async def test_a_code_is_typed_as_people_type_it(home: EngineEnv) -> None:
    run = await asked(home)
    challenge = await sent(home, await command(home, run))
    right = code(home)
    assert isinstance(await give(home, challenge.challenge, f"  {right[:4]} {right[4:]}\n"), ProvenIdentity)


async def test_a_code_is_taken_once(home: EngineEnv) -> None:
    run = await asked(home)
    challenge = await sent(home, await command(home, run))
    first = await give(home, challenge.challenge, code(home))
    assert isinstance(first, ProvenIdentity)
    assert await give(home, challenge.challenge, code(home)) == CodeExpired()
    assert len(await home.identity.browsers(first.person.id)) == 1
    assert record(home)[0] == "code"


async def test_a_challenge_belongs_to_the_browser_that_asked(home: EngineEnv) -> None:
    run = await asked(home)
    challenge = await sent(home, await command(home, run))
    assert await give(home, challenge.challenge, code(home), "another") == CodeExpired()
    assert await home.identity.challenge(challenge.challenge, "another") is None
    seen = await home.identity.challenge(challenge.challenge, "browser")
    assert seen is not None
    assert (seen.tries_left, seen.address, seen.verdict, seen.used) == (5, LEE, Verdict.APPROVE, False)
    assert await home.identity.challenge("nothing", "browser") is None


async def test_five_wrong_codes_end_one_challenge_and_no_other(home: EngineEnv) -> None:
    run = await asked(home)
    challenge = await sent(home, await command(home, run))
    wrong = "0" * 8 if code(home) != "0" * 8 else "1" * 8
    answers = [await give(home, challenge.challenge, wrong) for _ in range(6)]
    told = dict(home.mail.to(LEE, DeliveryKind.CODE)[-1].facts)["Reference"]
    assert answers == [*(WrongCode(left=left, reference=told) for left in (4, 3, 2, 1)), CodeExpired(), CodeExpired()]
    assert (await home.kinds(run)).count("code.exhausted") == 1
    assert await give(home, challenge.challenge, code(home)) == CodeExpired()
    again = await sent(home, await command(home, run, form="form-2"))
    assert isinstance(await give(home, again.challenge, code(home)), ProvenIdentity)


async def test_a_code_holds_for_ten_minutes(home: EngineEnv) -> None:
    run = await asked(home)
    challenge = await sent(home, await command(home, run))
    home.pass_time(minutes=10)
    assert await give(home, challenge.challenge, code(home)) == CodeExpired()


async def test_a_code_for_somebody_else_is_wrong(home: EngineEnv) -> None:
    run = await asked(home)
    challenge = await sent(home, await command(home, run))
    await sent(home, await command(home, run, link=token(home, MIA), form="form-2"), "browser of Mia")
    assert isinstance(await give(home, challenge.challenge, code(home, MIA)), WrongCode)


async def test_a_decision_that_came_first_is_told_and_the_browser_is_remembered_all_the_same(home: EngineEnv) -> None:
    run = await asked(home)
    challenge = await sent(home, await command(home, run))
    assert isinstance(await home.decide(run, by=Address("email", MIA)), Decided)
    answer = await give(home, challenge.challenge, code(home))
    assert isinstance(answer, ProvenIdentity)
    assert isinstance(answer.answer, AlreadyDecided)
    assert await home.identity.browser(answer.browser) is not None


# -- scanners -----------------------------------------------------------------------------------------------


async def test_a_scanner_that_asks_for_codes_does_not_lock_the_person_out(home: EngineEnv) -> None:
    run = await asked(home)
    for minute in range(30):
        for number in range(3):
            scanner = f"scanner {minute}-{number}"
            challenge = await sent(home, await command(home, run, form=scanner), scanner)
            for _ in range(5):
                await give(home, challenge.challenge, "12345678", scanner)
        home.pass_time(minutes=1)
        newest = home.mail.to(LEE, DeliveryKind.CODE)[-1]
        assert newest.until is not None
        assert newest.until >= home.clock.now(), "there is always a mail with a code that holds, or another is sent"
    mine = await sent(home, await command(home, run, form="mine"), "mine")
    assert mine.purpose is Purpose.SIGN_IN
    known = await give(home, mine.challenge, code(home), "mine")
    assert isinstance(known, ProvenIdentity)
    assert known.answer is None, "a code to sign in decides nothing"
    assert (await home.request(run)).decision is None
    assert isinstance(await home.engine.decide(await command(home, run, browser=known.browser)), Decided)


async def test_an_address_does_not_get_more_than_a_few_codes(home: EngineEnv) -> None:
    run = await asked(home)
    answers = []
    for number in range(60):
        answers.append(await sent(home, await command(home, run, form=f"form-{number}")))
        home.pass_time(minutes=1)
    confirms = [one.purpose is Purpose.DECIDE for one in answers]
    assert confirms == [*[True] * challenges.UNANSWERED_PER_HOUR, *[False] * 55]
    assert (
        len(home.mail.to(LEE, DeliveryKind.CODE)) <= challenges.UNANSWERED_PER_HOUR + challenges.SIGN_INS_PER_HOUR + 6
    )


async def test_wrong_codes_of_others_do_not_keep_a_person_from_using_theirs(home: EngineEnv) -> None:
    run = await asked(home)
    mine = await sent(home, await command(home, run, form="mine"), "mine")
    right = code(home)
    tried = 0
    for number in range(144):
        other = f"guesser {number}"
        theirs = await sent(home, await command(home, run, form=other), other)
        for _ in range(5):
            given = await give(home, theirs.challenge, "12345678" if number < 4 else "1234" * 4, other)
            tried += 1
            assert isinstance(given, WrongCode | CodeExpired)
    assert tried == 720
    assert isinstance(await give(home, mine.challenge, right, "mine"), ProvenIdentity)


async def test_wrong_codes_for_decisions_are_few_whatever_is_asked_for(home: EngineEnv) -> None:
    run = await asked(home)
    tried = 0
    for number in range(24 * 12):
        asked_for = await sent(home, await command(home, run, form=f"form-{number}"), f"guesser {number}")
        while asked_for.purpose is Purpose.DECIDE:
            tried += 1
            if isinstance(await give(home, asked_for.challenge, "12345678", f"guesser {number}"), CodeExpired):
                break
        home.pass_time(minutes=5)
    assert tried == challenges.UNANSWERED_PER_DAY * challenges.TRIES
    assert (await home.kinds(run)).count("code.exhausted") == challenges.UNANSWERED_PER_DAY


# -- browsers -----------------------------------------------------------------------------------------------


async def test_a_browser_that_is_remembered_needs_no_other_code(home: EngineEnv) -> None:
    known = await proven(home, await asked(home))
    run = await asked(home)
    assert isinstance(await home.engine.decide(await command(home, run, browser=known.browser)), Decided)
    run = await asked(home)
    without_link = await command(home, run, browser=known.browser, link=None)
    assert isinstance(await home.engine.decide(without_link), Decided), "from the inbox there is no link"


async def test_a_browser_is_remembered_for_thirty_days_or_until_it_is_forgotten(home: EngineEnv) -> None:
    known = await proven(home, await asked(home))
    browser = await home.identity.browser(known.browser)
    assert browser is not None
    assert (browser.address, browser.label, browser.until) == (LEE, "Firefox", home.clock.now() + timedelta(days=30))
    other = await proven(home, await asked(home), "another")
    listed = await home.identity.browsers(known.person.id)
    assert len(listed) == 2
    assert await home.identity.forget(other.browser, browser.id)
    assert not await home.identity.forget(other.browser, browser.id)
    assert await home.identity.browser(known.browser) is None
    run = await asked(home)
    assert isinstance(await home.engine.decide(await command(home, run, browser=known.browser)), NeedsCode)
    home.pass_time(days=30)
    assert await home.identity.browser(other.browser) is None


async def test_nobody_forgets_the_browser_of_somebody_else(home: EngineEnv) -> None:
    run = await asked(home)
    lee = await proven(home, run)
    run = await asked(home)
    challenge = await sent(home, await command(home, run, link=token(home, MIA)), "browser of Mia")
    mia = await give(home, challenge.challenge, code(home, MIA), "browser of Mia")
    assert isinstance(mia, ProvenIdentity)
    browser = await home.identity.browser(lee.browser)
    assert browser is not None
    assert not await home.identity.forget(mia.browser, browser.id)
    assert not await home.identity.forget("nothing", browser.id)
    assert await home.identity.browser(lee.browser) is not None


async def test_whoever_opens_the_link_of_a_colleague_decides_as_themselves(home: EngineEnv) -> None:
    run = await asked(home)
    challenge = await sent(home, await command(home, run, link=token(home, MIA)), "browser of Mia")
    mia = await give(home, challenge.challenge, code(home, MIA), "browser of Mia")
    assert isinstance(mia, ProvenIdentity)
    run = await asked(home)
    assert isinstance(await home.engine.decide(await command(home, run, browser=mia.browser)), Decided)
    decision = (await home.request(run)).decision
    assert decision is not None
    assert decision.person.email == MIA


async def test_a_forwarded_link_is_of_no_use_in_the_browser_of_somebody_who_is_not_asked(home: EngineEnv) -> None:
    await home.register(GATED.format(keys="").replace("lee@example.com, mia", "mia"))
    run = await home.start()
    await home.settle()
    challenge = await sent(home, await command(home, run, link=token(home, MIA)), "browser of Mia")
    mia = await give(home, challenge.challenge, code(home, MIA), "browser of Mia")
    assert isinstance(mia, ProvenIdentity)
    await home.register(GATED.format(keys="").replace(", mia@example.com", ""))
    run = await home.start()
    await home.settle()
    assert await home.engine.decide(await command(home, run, browser=mia.browser)) == NeedsCode(address=LEE)
    without_link = await command(home, run, browser=mia.browser, link=None)
    assert isinstance(await home.engine.decide(without_link), NotAnApprover)


async def test_when_a_browser_was_seen_is_written_down_now_and_then(home: EngineEnv) -> None:
    known = await proven(home, await asked(home))
    began = home.clock.now()
    home.pass_time(minutes=59)
    first = await home.identity.browser(known.browser)
    home.pass_time(minutes=2)
    await home.identity.browser(known.browser)
    second = await home.identity.browser(known.browser)
    assert first is not None
    assert second is not None
    assert (first.seen_at, second.seen_at) == (began, home.clock.now())


# -- signing in ---------------------------------------------------------------------------------------------


async def test_somebody_signs_in_with_a_code(home: EngineEnv) -> None:
    await asked(home)
    answer = await home.identity.sign_in(SignIn(email=" Lee@Example.com ", holder="browser", form="f"))
    await home.settle()
    known = await give(home, answer.challenge, code(home))
    assert isinstance(known, ProvenIdentity)
    assert (known.person.email, known.answer, known.request) == (LEE, None, None)


async def test_who_asks_to_sign_in_leaves_nothing_unless_a_code_is_sent(home: EngineEnv) -> None:
    await asked(home)
    for at in range(50):
        await home.identity.sign_in(SignIn(email=f"no{at}@example.com", holder="browser", form=f"f{at}"))
    assert challenges_of(home) == 0
    for at in range(50):
        await home.identity.sign_in(SignIn(email=LEE, holder=f"browser {at}", form=f"g{at}"))
    assert challenges_of(home) == challenges.SIGN_INS_PER_HOUR
    home.pass_time(hours=25)
    await home.identity.sign_in(SignIn(email="late@example.com", holder="browser", form="g"))
    assert challenges_of(home) == 0


async def test_a_code_that_could_not_be_sent_for_hours_is_not_sent_any_more(home: EngineEnv) -> None:
    await asked(home)
    await home.settle()
    await home.identity.sign_in(SignIn(email=LEE, holder="browser", form="f"))
    home.pass_time(hours=25)
    await home.identity.sign_in(SignIn(email="no@example.com", holder="browser", form="g"))
    assert challenges_of(home) == 0
    await home.settle()
    assert home.mail.to(LEE, DeliveryKind.CODE) == []


async def test_whoever_signs_in_waits_for_the_disk_whether_or_not_the_address_is_known(home: EngineEnv) -> None:
    await asked(home)
    wal = home.path.with_name("signoff.db-wal")
    for email in (LEE, "no@example.com", LEE, "no@example.com", LEE):
        before = wal.read_bytes()
        await home.identity.sign_in(SignIn(email=email, holder="browser", form=None))
        assert wal.read_bytes() != before, "what is written is on the disk before the answer"


async def test_codes_that_went_to_others_do_not_count(home: EngineEnv) -> None:
    run = await asked(home)
    for number in range(6):
        await sent(home, await command(home, run, link=token(home, MIA), form=f"form-{number}"), "browser of Mia")
    mine = await sent(home, await command(home, run, form="mine"), "mine")
    assert mine.purpose is Purpose.DECIDE


def challenges_of(home: EngineEnv) -> int:
    with closing(sqlite3.connect(home.path)) as connection:
        (found,) = connection.execute("SELECT count(*) FROM challenge").fetchone()
    return int(found)


async def test_an_address_that_nobody_has_looks_like_any_other_and_gets_nothing(home: EngineEnv) -> None:
    await asked(home)
    known = await home.identity.sign_in(SignIn(email=LEE, holder="browser", form="f"))
    unknown = await home.identity.sign_in(SignIn(email="no@example.com", holder="browser", form="g"))
    assert (unknown.purpose, unknown.until) == (known.purpose, known.until)
    assert await home.identity.sign_in(SignIn(email="no@example.com", holder="browser", form="g")) == unknown
    await home.settle()
    assert home.mail.to("no@example.com", DeliveryKind.CODE) == []
    views = [await home.identity.challenge(one.challenge, "browser") for one in (known, unknown)]
    assert [(one.purpose, one.tries_left, one.request) for one in views if one] == [(Purpose.SIGN_IN, None, None)] * 2
    for one in (known, unknown):
        assert await give(home, one.challenge, "0" * 16) == WrongCode()


def test_a_key_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="needs 32"):
        Codes(b"short")
    one, other = Codes(b"a" * MIN_KEY), Codes(b"b" * MIN_KEY)
    assert one.code("c") == one.code("c") != other.code("c")
    assert len({one.code(str(number)) for number in range(1000)}) == 1000
    kept = one.mac("c", "this", one.code("c"))
    assert one.matches("c", "this", one.code("c"), kept)
    assert not one.matches("c", "this", one.code("d"), kept)
    assert not one.matches("c", "that", one.code("c"), kept)


def test_what_a_browser_carries_can_neither_be_read_nor_changed() -> None:
    codes, other = Codes(b"a" * MIN_KEY), Codes(b"b" * MIN_KEY)
    sealed = codes.seal("lee@example.com")
    assert codes.unseal(sealed) == "lee@example.com"
    assert "lee" not in sealed
    assert other.unseal(sealed) is None
    for at in range(2, len(sealed)):
        assert codes.unseal(sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]) is None
    for broken in ("", "s.", "s.é", "s." + "A" * 3000, "s.A", sealed[2:], sealed[:-2]):
        assert codes.unseal(broken) is None
