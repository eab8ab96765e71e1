"""The differences in a form that is being filled in, as the script of a page asks for them."""

from __future__ import annotations

from bot.web import form_inputs
from tests.support.web_env import Answer, Browser, WebEnv

AMOUNT = f"{form_inputs.key('amount')}-amount"
PAYS = """\
name: pay
owner: sam@example.com
inputs:
  amount: {type: money, currency: EUR, max: 500, label: Amount}
  letter: {type: long_text, label: Letter}
steps:
  - id: pay
    uses: set
    with: {amount: "{{ inputs.amount }}", letter: "{{ inputs.letter }}"}
    gate: {approvers: [ada@example.com]}
"""
LETTER = "We are sorry. " * 100 + "You get 12.50 EUR back."


async def open_pay_page(env: WebEnv) -> tuple[Browser, Answer]:
    await env.request_approval(source=PAYS, amount={"amount": "120.50", "currency": "EUR"}, letter=LETTER)
    return await env.open_link()


async def typed_changes(browser: Browser, page: Answer, typed: dict[str, str]) -> Answer:
    form = page.page.form
    return await browser.post(f"{page.path}/changes", form.with_(**typed), kind=form.kind)


async def test_only_changed_values_have_a_difference(env: WebEnv) -> None:
    browser, page = await open_pay_page(env)
    assert (await typed_changes(browser, page, {})).text.strip() == ""
    answer = await typed_changes(browser, page, {AMOUNT: "99.50"})
    assert (answer.page.removed, answer.page.added) == (["120.50 EUR"], ["99.50 EUR"])
    answer = await typed_changes(browser, page, {form_inputs.key("letter"): LETTER.replace("12.50", "12.80")})
    assert (answer.page.removed, answer.page.added) == (["12.50"], ["12.80"])
    assert "characters unchanged" in answer.page.text
    assert answer.page.text.count("We are sorry.") < 10


async def test_a_wrong_value_has_no_difference_until_it_is_right(env: WebEnv) -> None:
    browser, page = await open_pay_page(env)
    for wrong in ("", "12,", "501", "many"):
        assert (await typed_changes(browser, page, {AMOUNT: wrong})).text.strip() == "", wrong


async def test_differences_are_only_for_people_who_may_see_the_request_and_decide_nothing(env: WebEnv) -> None:
    browser, page = await open_pay_page(env)
    stranger = await typed_changes(env.browser(), page, {AMOUNT: "99.50"})
    assert stranger.status == 403
    assert "EUR" not in stranger.page.text
    answer = await typed_changes(browser, page, {AMOUNT: "99.50", "verdict": "approve"})
    assert answer.status == 200
    assert (await browser.get(f"{page.path}/changes")).status == 405
    assert (await browser.get(page.path)).page.form.fields
    assert await env.codes() == 0


async def test_a_text_in_a_difference_is_never_markup(env: WebEnv) -> None:
    browser, page = await open_pay_page(env)
    answer = await typed_changes(browser, page, {form_inputs.key("letter"): "<script>x</script>\u202e\n<b>"})
    assert "<script>" not in answer.text
    assert "<b>" not in answer.text
    assert "⟦U+202E⟧" in answer.text
