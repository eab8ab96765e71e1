"""People say in Slack that they are away, and who decides in their place."""

from __future__ import annotations

import re
from datetime import timedelta

from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, copy_of, expect_ok, words

ADA_ALONE = REFUND_WORKFLOW.replace("[ada@example.com, ben@example.com]", "[ada@example.com]")


async def typed(env: SlackEnv, by: str, text: str) -> str:
    ack = expect_ok(await env.person(by).command(f"/signoff {text}", channel="general"))
    await env.finish_background_work()
    return words(ack.body) if ack.body else ""


async def test_what_waits_goes_to_the_delegate_and_new_requests_do_too(env: SlackEnv) -> None:
    await env.request_approval(ADA_ALONE)
    ben = env.person("ben").id
    said = await typed(env, "ada", f"away <@{ben}|ben> until tomorrow at 18:00")
    assert "You are away until" in said
    assert "Ben Approver decides in your place. What is waiting now is passed on as well, unless Ben" in said
    await env.settle()
    assert "Ben Approver decides in your place." in words(copy_of(env.person("ada")))
    assert copy_of(env.person("ben"))
    await env.start(amount=7)
    await env.settle()
    assert "decides in their place." in words(copy_of(env.person("ben"), "Refund 7 EUR?"))
    said = await typed(env, "ada", "back")
    assert "You are back. New requests come to you again." in said
    assert "You were not away" in await typed(env, "ada", "back")


async def test_a_delegate_who_is_away_as_well_is_said(env: SlackEnv) -> None:
    await env.register()
    ada, ben, cleo = (env.person(name).id for name in ("ada", "ben", "cleo"))
    await typed(env, "ben", f"away <@{ada}|ada> until friday")
    said = await typed(env, "ada", f"away <@{ben}|ben> until friday")
    assert "But Ben Approver is away as well, so your requests are not passed on." in said
    await typed(env, "ben", f"away <@{cleo}|cleo> until friday")
    said = await typed(env, "ada", f"away <@{ben}|ben> until friday")
    assert "Ben Approver is away as well, so what is waiting now is passed on to Cleo Builder." in said


async def test_the_home_tab_says_that_its_person_is_away(env: SlackEnv) -> None:
    await env.register()
    ada, ben = env.person("ada"), env.person("ben").id
    await typed(env, "ada", f"away <@{ben}|ben> until friday")
    ada.open_home()
    await env.slack.until(
        lambda: "Ben Approver decides in your place. To end this, type /signoff back." in words(ada.home)
    )
    await typed(env, "ada", "back")
    ada.open_home()
    await env.slack.until(lambda: "decides in your place" not in words(ada.home))


async def test_what_is_not_clear_is_asked_back(env: SlackEnv) -> None:
    await env.register()
    assert "“03/04” can be two dates." in await typed(env, "ada", "away until 03/04")
    assert "Signoff did not understand “tomorrow-ish”." in await typed(env, "ada", "away tomorrow-ish")


async def test_a_date_that_a_library_reads_is_offered_and_never_taken(env: SlackEnv) -> None:
    await env.request_approval(ADA_ALONE)
    ben = env.person("ben").id
    asked = await typed(env, "ada", f"away <@{ben}|ben> until 9am next tuesday-ish")
    assert "For example: until friday, until march 6 at 14:00, for two days." in asked
    asked = await typed(env, "ada", f"away <@{ben}|ben> until 9am tomorrow")
    assert "Signoff did not understand “until 9am tomorrow”. Did you mean " in asked
    offer = re.search(r", 9:00 AM\? Then type: /signoff away @ben (until \w+ \d+ at 9:00)", asked)
    assert offer is not None
    assert "You were not away" in await typed(env, "ada", "back")
    said = await typed(env, "ada", f"away <@{ben}|ben> {offer[1]}")
    assert "You are away until" in said
    assert "Ben Approver decides in your place." in said


async def test_a_form_asks_for_the_days_and_the_delegate(env: SlackEnv) -> None:
    run = await env.request_approval(ADA_ALONE)
    assert await typed(env, "ada", "away") == ""
    day = (env.clock.now() + timedelta(days=3)).date().isoformat()
    past = (env.clock.now() - timedelta(days=3)).date().isoformat()
    wrong = expect_ok(await env.person("ada").submit({"Back on": past}))
    assert words(wrong.body).endswith("That is over already."), "there is nothing to type, so no examples"
    ben = env.person("ben").id
    said = expect_ok(await env.person("ada").submit({"Back on": day, "Who decides in your place?": ben}))
    assert "You are away until" in words(said.body)
    await env.settle()
    assert [row.person.label for row in (await env.request(run)).model.eligible] == ["Ben Approver"]


async def test_the_form_keeps_the_days_if_the_chosen_person_cannot_decide(env: SlackEnv) -> None:
    await env.register()
    ada, day = env.person("ada"), (env.clock.now() + timedelta(days=3)).date().isoformat()
    await typed(env, "ada", "away")
    refused = expect_ok(await ada.submit({"Back on": day, "Who decides in your place?": ada.id}))
    assert refused.body == {
        "response_action": "errors",
        "errors": {"person": "The person who is away cannot decide in their own place. Choose another person."},
    }
    said = expect_ok(await ada.submit({"Who decides in your place?": env.person("ben").id}))
    assert "Ben Approver decides in your place." in words(said.body)


async def test_the_form_shows_no_phrases_to_type(env: SlackEnv) -> None:
    await env.register()
    await typed(env, "ada", "away")
    past = (env.clock.now() - timedelta(days=3)).date().isoformat()
    wrong = expect_ok(await env.person("ada").submit({"Back on": past}))
    assert wrong.body == {"response_action": "errors", "errors": {"back": "That is over already."}}


async def test_the_delegate_may_stand_at_the_end_too(env: SlackEnv) -> None:
    await env.register()
    ada, ben, day = env.person("ada"), env.person("ben"), (env.clock.now() + timedelta(days=3)).date().isoformat()
    said = await typed(env, "ada", f"away until {day} <@{ben.id}|ben>")
    assert "Ben Approver decides in your place." in said
    assert await typed(env, "ada", f"away until {day} @ben") == ""
    said = words(expect_ok(await ada.submit({"Who decides in your place?": ben.id})).body)
    assert "Ben Approver decides in your place." in said
    said = await typed(env, "ada", f"away until {day} <@{ada.id}|ada>")
    assert "cannot decide in their own place. Choose another person." in said


async def test_a_delegate_without_a_sign_is_chosen_in_the_form(env: SlackEnv) -> None:
    await env.register()
    assert (
        "Signoff did not understand “kim til fri”. For example: until friday, until march 6 at 14:00, for two days. "
        "Or type /signoff away alone, and choose the days and who decides in your place."
    ) in await typed(env, "ada", "away kim til fri")


async def test_a_name_that_is_no_mention_opens_the_form_with_the_day(env: SlackEnv) -> None:
    await env.register()
    day = (env.clock.now() + timedelta(days=3)).date().isoformat()
    await typed(env, "ada", f"away @ben until {day}")
    said = expect_ok(await env.person("ada").submit({"Who decides in your place?": env.person("gus").id}))
    assert "Gus Guest is a guest here and cannot be asked." in words(said.body)


async def test_the_others_read_who_is_away_if_no_one_stands_in(env: SlackEnv) -> None:
    await env.request_approval()
    ada, ben = env.person("ada"), env.person("ben")
    await typed(env, "ada", "away until tomorrow at 18:00")
    await env.settle()
    for person in ada, ben:
        assert words(copy_of(person)["blocks"]).count("Ada Approver is away until Mar 3, 18:00") == 1
    env.pass_time(minutes=1)
    await env.settle()
    assert words(copy_of(ben)["blocks"]).count("Ada Approver is away until") == 1, "it is said once"
    expect_ok(await ben.click("Approve"))


async def test_who_has_decided_already_is_not_missed(env: SlackEnv) -> None:
    await env.request_approval(REFUND_WORKFLOW.replace("edit: [text]", "edit: [text]\n      policy: all"))
    expect_ok(await env.person("ada").click("Approve"))
    await typed(env, "ada", "away until tomorrow at 18:00")
    await env.settle()
    assert "is away until" not in words(copy_of(env.person("ben")))
