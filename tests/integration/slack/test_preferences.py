"""People in Slack choose when they are told of requests, and get digests: signed deliveries to the real app."""

from __future__ import annotations

from engine.domain import RequestState, Work
from tests.integration.slack.test_shared_copies import has_own_copy, is_request, posting_to, shared
from tests.support.slack_env import REFUND_WORKFLOW, SlackEnv, buttons, expect_ok, words

ADA_ALONE = REFUND_WORKFLOW.replace("[ada@example.com, ben@example.com]", "[ada@example.com]")
DAILY, SEVERAL, AT_ONCE = (
    "One digest a day",
    "A digest when several requests wait",
    "One message for each request, at once",
)
HOW, AT, COUNT = (
    "How do you want to be asked?",
    "When does the digest come?",
    "How many requests does the digest wait for?",
)
FROM, UNTIL, WEEKENDS = "Quiet hours begin", "Quiet hours end", "Weekends"


async def open_form(env: SlackEnv) -> str:
    """Open the form as Ada, and return its words."""
    expect_ok(await env.person("ada").command("/signoff preferences", channel="general"))
    await env.finish_background_work()
    return words(env.person("ada").modal)


async def choose(env: SlackEnv, **entered: object) -> str:
    await open_form(env)
    answers = {label: entered[name] for name, label in _LABELS.items() if name in entered}
    said = words(expect_ok(await env.person("ada").submit(answers)).body)
    await env.finish_background_work()
    return said


_LABELS = {"how": HOW, "at": AT, "count": COUNT, "begin": FROM, "end": UNTIL, "weekends": WEEKENDS}


async def test_the_form_says_what_holds_and_repeats_what_was_chosen(env: SlackEnv) -> None:
    await env.register()
    assert "Times are in your time zone, Europe/Berlin." in await open_form(env)
    said = await choose(env, how=SEVERAL, at="17:30", count=4, begin="20:00", end="07:00", weekends=["yes"])
    assert "Saved. " in said
    assert "You get a digest when 4 requests wait, and at 5:30 PM in any case." in said
    assert "Your quiet hours are from 8:00 PM to 7:00 AM, and on Saturday and Sunday." in said
    ada = env.person("ada")
    await open_form(env)
    assert ada.modal is not None
    initial = [block["element"] for block in ada.modal["blocks"] if block["type"] == "input"]
    assert [
        initial[0]["initial_option"]["value"],
        *(element.get("initial_time") or element.get("initial_value") for element in initial[1:5]),
        bool(initial[5]["initial_options"]),
    ] == ["count", "17:30", "4", "20:00", "07:00", True]
    said = words(expect_ok(await ada.submit({HOW: AT_ONCE, FROM: None, UNTIL: None, WEEKENDS: []})).body)
    assert "You get one message for each request, at once." in said


async def test_what_cannot_be_followed_is_said_below_its_input(env: SlackEnv) -> None:
    await env.register()
    await open_form(env)
    wrong = expect_ok(await env.person("ada").submit({FROM: "20:00"}))
    sentence = "Say when your quiet hours begin and when they end. The two times must differ."
    assert wrong.body == {"response_action": "errors", "errors": {"quiet_until": sentence}}
    said = expect_ok(await env.person("ada").submit({UNTIL: "07:00"}))
    assert "Your quiet hours are from 8:00 PM to 7:00 AM." in words(said.body)


async def test_a_digest_is_one_message_with_a_row_for_each_request(env: SlackEnv) -> None:
    await env.register(ADA_ALONE)
    await choose(env, how=DAILY, at="18:00")
    ada, before = env.person("ada"), len(env.person("ada").sees())
    runs = [await env.start(amount=amount) for amount in (5, 6, 7)]
    await env.settle()
    assert len(ada.sees()) == before
    env.pass_time(hours=8)
    await env.settle()
    assert len(ada.sees()) == before + 1
    digest = ada.sees()[-1]
    assert words(digest["blocks"][0]) == "3 requests are waiting for you"
    assert digest["text"].startswith("3 requests are waiting for you")
    assert all(f"Refund {amount} EUR?" in words(digest) for amount in (5, 6, 7))
    assert buttons(digest) == ["Review"] * 3
    expect_ok(await ada.click("Review", on=digest))
    await env.slack.until(lambda: "Approve" in buttons({"blocks": (ada.modal or {})["blocks"]}))
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert [await env.state(run) for run in runs].count(RequestState.APPROVED) == 1
    assert len(ada.sees()) == before + 1, "no copy is posted later"


async def test_the_button_on_home_opens_the_form(env: SlackEnv) -> None:
    await env.register()
    ada = env.person("ada")
    ada.open_home()
    await env.slack.until(lambda: "Preferences" in buttons({"blocks": (ada.home or {"blocks": []})["blocks"]}))
    expect_ok(await ada.click("Preferences", on="home"))
    await env.finish_background_work()
    assert HOW in words(ada.modal)


async def test_home_shows_what_is_held_without_being_opened_again(env: SlackEnv) -> None:
    await env.register()
    await choose(env, how=DAILY, at="18:00")
    hints: list[Work] = []
    env.engine.store.on_commit(hints.extend)

    async def follow_hints() -> None:
        await env.settle()
        for work in hints:
            if work.kind == "deliver":
                await env.bot.relay.deliver(work.id)
        hints.clear()
        await env.settle()

    ada, ben = env.person("ada"), env.person("ben")
    ada.open_home()
    await env.slack.until(lambda: ada.home)
    await env.start(amount=5)
    await follow_hints()
    await env.slack.until(lambda: "Refund 5 EUR?" in words(ada.home))
    expect_ok(await ben.click("Approve"))
    await follow_hints()
    await env.slack.until(lambda: "Refund 5 EUR?" not in words(ada.home))


async def test_a_copy_that_all_share_is_never_held(env: SlackEnv) -> None:
    await env.register(posting_to("#general", "slack"))
    await choose(env, how=DAILY, at="18:00")
    await env.start()
    await env.settle()
    assert is_request(shared(env))
    assert not has_own_copy(env, "ada")
    assert has_own_copy(env, "ben")
