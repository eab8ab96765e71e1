"""The card of a request about all items of a foreach: what people read of each, and where they see the rest."""

from __future__ import annotations

import json

from tests.support.slack_env import SlackEnv, copy_of, expect_ok, words

FLOW = """\
name: late
title: Refund late orders
steps:
  - id: refunds
    title: Refund each order
    uses: foreach
    with: {over: [A-1, A-2, A-3, A-4, A-5]}
    gate: {title: "Refund 5 late orders?", approvers: [ada@example.com]}
    steps:
      - id: refund
        uses: http
        with:
          method: POST
          url: https://payments.example.com/refunds
          json: {order: "{{ item }}", amount: "20 EUR"}
"""


async def test_a_card_about_many_items_has_their_values_and_a_link_to_all_of_them(env: SlackEnv) -> None:
    await env.stop_bot()
    env.page_of = "https://signoff.example.com/review/{}".format
    await env.start_bot()
    await env.register(FLOW)
    run = await env.start("late")
    await env.settle()
    ada = env.person("ada")
    card, shown = copy_of(ada, "Refund 5 late orders?"), words(copy_of(ada, "Refund 5 late orders?"))
    for label in ("Item 1 · Order", "Item 3 · Amount"):
        assert label in shown
    for technical in ("Json", "Method", "POST", "payments.example.com"):
        assert technical not in shown
    (request,) = await env.engine.requests_of_run(run)
    link = {
        "type": "link",
        "url": f"https://signoff.example.com/review/{request.id}",
        "text": "See all items on the web",
    }
    assert json.dumps(link) in json.dumps(card)
    expect_ok(await ada.click("Details"))
    await env.slack.until(lambda: "Item 1 · Method" in words(ada.modal))


async def test_one_line_about_many_items_has_no_value_of_one_of_them(env: SlackEnv) -> None:
    await env.register(FLOW)
    await env.start("late")
    await env.settle()
    ada = env.person("ada")
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert "A-1" not in words(copy_of(ada, "Refund 5 late orders?"))
