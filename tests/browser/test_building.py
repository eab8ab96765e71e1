"""A builder makes a workflow in the forms of Slack, with a mistake in each, runs it, changes it, and stops it."""

from __future__ import annotations

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.sandbox_page import NARROW, WIDE, SandboxWindows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]
ADDRESS = "Which address pays the refund?"
LIMIT = "Above what amount does a person approve it?"
NAME = "What is it called in commands?"


async def type_line(page: Page, line: str) -> None:
    await page.get_by_role("combobox", name="Message").fill(line)
    await page.keyboard.press("Enter")


async def wrong(form: Locator, label: str) -> Locator:
    """Return the only sentence about a mistake in a form, which is at the input with this label."""
    sentences = form.locator(".error:not(:empty)")
    await expect(sentences).to_have_count(1)
    await expect(form.get_by_label(label)).to_be_focused()
    return sentences


async def open_questions(cleo: Page) -> Locator:
    """Open the questions of the refund."""
    await type_line(cleo, "/signoff new")
    choice = cleo.get_by_role("dialog", name="New workflow")
    await choice.get_by_label("What is it for?").select_option(label="Refund a customer")
    await choice.get_by_role("button", name="Continue").click()
    return cleo.get_by_role("dialog", name="Refund a customer")


async def build(windows: SandboxWindows, cleo: Page, *, approver: str = "Ada Approver") -> None:
    """Make the refund without a mistake."""
    questions = await open_questions(cleo)
    await questions.get_by_label(ADDRESS).fill(f"{windows.demo.payments.url}/refunds")
    await questions.get_by_role("group", name="Who approves it?").get_by_label(approver).check()
    await questions.get_by_role("button", name="Show the steps").click()
    steps = cleo.get_by_role("dialog", name="Check the steps")
    await steps.get_by_role("button", name="Register").click()
    await expect(cleo.get_by_role("dialog")).to_have_count(0)
    await expect(cleo.get_by_text("Registered Refund a customer, version 1.")).to_be_visible()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_a_refund_is_built_from_nothing_run_edited_and_paid(
    windows: SandboxWindows, size: dict[str, int]
) -> None:
    cleo = await windows.window("cleo", "general", size=size)
    await type_line(cleo, "/signoff")
    await expect(cleo.get_by_text("To make the first one from a template, type /signoff new.")).to_be_visible()
    await build(windows, cleo)
    await cleo.get_by_role("button", name="Run Refund a customer").last.click()
    form = cleo.get_by_role("dialog", name="Refund a customer")
    await form.get_by_label("Order number").fill("A-1007")
    await form.get_by_label("Amount (EUR)").fill("250")
    await form.get_by_role("button", name="Start").click()
    await expect(await wrong(form, "Why")).to_have_text("Please complete this required field.")
    await form.get_by_label("Why").fill("Arrived broken")
    await form.get_by_role("button", name="Start").click()
    await expect(form).to_have_count(0)
    ada = await windows.window("ada", size=size)
    await expect(ada.get_by_text("Over 100 EUR.")).to_be_visible()
    await ada.get_by_role("button", name="Edit").click()
    edit = ada.get_by_role("dialog", name="Edit, then approve")
    await edit.get_by_label("Amount (EUR)").fill("0")
    await edit.get_by_role("button", name="Pay the refund").click()
    await expect(await wrong(edit, "Amount (EUR)")).to_contain_text("at least 0.01")
    await edit.get_by_label("Amount (EUR)").fill("95")
    await edit.get_by_role("button", name="Pay the refund").click()
    await expect(edit).to_have_count(0)
    await expect(ada.get_by_text("Approved with edits by Ada Approver")).to_be_visible()
    await expect(cleo.get_by_text("Done: Refund 95.00 EUR (was 250.00 EUR) for order A-1007")).to_be_visible()
    (refund,) = windows.demo.payments.for_order("A-1007")
    assert (refund.amount, refund.note) == ("95 EUR", "Arrived broken")


async def test_each_mistake_in_a_form_gets_one_sentence_and_loses_nothing(windows: SandboxWindows) -> None:
    cleo = await windows.window("cleo", "general", size=NARROW)
    await build(windows, cleo)
    await type_line(cleo, "/signoff new")
    choice = cleo.get_by_role("dialog", name="New workflow")
    await choice.get_by_role("button", name="Continue").click()
    await expect(await wrong(choice, "What is it for?")).to_have_text("Please complete this required field.")
    await choice.get_by_role("button", name="Cancel").click()
    await expect(cleo.get_by_role("dialog")).to_have_count(0)
    form = await open_questions(cleo)
    await expect(form.get_by_label(NAME)).to_have_value("refund-2")
    filled = {NAME: "refund", ADDRESS: f"{windows.demo.payments.url}/refunds", LIMIT: "70"}
    for label, text in filled.items():
        await form.get_by_label(label).fill(text)
    ben = form.get_by_role("group", name="Who approves it?").get_by_label("Ben Approver")
    await ben.check()
    for label, mistake, correction, sentence in (
        (NAME, "refund", "refund-3", "There is a workflow refund already. The name refund-2 is free."),
        (NAME, "Refund!", "refund-3", "Write `refund`"),
        (ADDRESS, "pay.example.com", filled[ADDRESS], "must begin with https://, as in https://pay.example.com"),
        (ADDRESS, "ftp://pay.example.com", filled[ADDRESS], "must be an http or https address"),
        (LIMIT, "", "70", "Please complete this required field."),
        (LIMIT, "-1", "70", "at least 0"),
        ("Who approves it? (or type them)", "Lee Smith", "role:finance", "`Lee Smith` is not a person or a group."),
    ):
        await form.get_by_label(label).fill(mistake)
        await form.get_by_role("button", name="Show the steps").click()
        await expect(await wrong(form, label)).to_contain_text(sentence)
        await form.get_by_label(label).fill(correction)
        for other, text in filled.items():
            await expect(form.get_by_label(other)).to_have_value(correction if other == label else text)
            filled[other] = correction if other == label else text
        await expect(ben).to_be_checked()
    await form.get_by_label("Who approves it? (or type them)").fill("owner")
    await form.get_by_role("button", name="Show the steps").click()
    steps = cleo.get_by_role("dialog", name="Check the steps")
    await expect(steps).to_contain_text("If “Amount” is above 70 EUR or “VIP” is yes")
    await steps.get_by_role("button", name="Back").click()
    await expect(form.get_by_label(LIMIT)).to_have_value("70")
    await expect(ben).to_be_checked()


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
async def test_what_was_typed_is_there_again_after_escape(windows: SandboxWindows, size: dict[str, int]) -> None:
    cleo = await windows.window("cleo", "general", size=size)
    form = await open_questions(cleo)
    await form.get_by_label(ADDRESS).press_sequentially("https://pay.example.org")
    ben = form.get_by_role("group", name="Who approves it?").get_by_label("Ben Approver")
    await ben.check()
    await form.get_by_label(LIMIT).fill("70")
    await cleo.keyboard.press("Escape")
    await cleo.get_by_role("dialog", name="New workflow").get_by_role("button", name="Close").click()
    await expect(cleo.get_by_role("dialog")).to_have_count(0)
    form = await open_questions(cleo)
    await expect(form).to_contain_text("Your answers from")
    await expect(form.get_by_label(ADDRESS)).to_have_value("https://pay.example.org")
    await expect(form.get_by_label(LIMIT)).to_have_value("70")
    await expect(ben).to_be_checked()
    await form.get_by_role("button", name="Start afresh").click()
    await expect(form.get_by_label(ADDRESS)).to_have_value("")
    await expect(form.get_by_label(LIMIT)).to_have_value("100")
    await expect(ben).not_to_be_checked()


async def test_a_gate_is_changed_and_set_back_and_the_workflow_is_stopped(windows: SandboxWindows) -> None:
    cleo = await windows.window("cleo", "general")
    await build(windows, cleo)
    await type_line(cleo, "/signoff edit refund")
    choice = cleo.get_by_role("dialog", name="Refund a customer")
    await choice.get_by_label("What do you want to change?").select_option(label="Pay the refund")
    await choice.get_by_role("button", name="Continue").click()
    form = cleo.get_by_role("dialog", name="Pay the refund")
    await expect(form.get_by_label("The number")).to_have_value("100")
    await form.get_by_role("button", name="Show what changes").click()
    await expect(form.locator(".error:not(:empty)")).to_contain_text("Nothing is different from what is registered.")
    await form.get_by_label("The number").fill("50")
    await form.get_by_label("Time to decide").fill("soon")
    await form.get_by_role("button", name="Show what changes").click()
    await expect(await wrong(form, "Time to decide")).to_contain_text("4h")
    await expect(form.get_by_label("The number")).to_have_value("50")
    await form.get_by_label("Time to decide").fill("2d")
    await form.get_by_role("button", name="Show what changes").click()
    check = cleo.get_by_role("dialog", name="Check the changes")
    await expect(check).to_contain_text("Nothing is registered yet.")
    for line in ("-      expires: 3d", "+      expires: 2d", "inputs.amount > 50 or inputs.vip", "Over 50 EUR"):
        await expect(check).to_contain_text(line)
    await check.get_by_role("button", name="Register").click()
    await expect(cleo.get_by_role("dialog")).to_have_count(0)
    registered = cleo.locator("li.message", has_text="version 2. Open runs keep version 1")
    await expect(registered).to_contain_text("If “Amount” is above 50 EUR or “VIP” is yes")
    await expect(registered).to_contain_text("Without a decision in 2 working days, the request is rejected.")
    await type_line(cleo, "/signoff rollback refund")
    await expect(cleo.get_by_text("what version 1 would change in version 2")).to_be_visible()
    await confirmed(cleo, "Go back to version 1", "Go back to it")
    await expect(cleo.get_by_text("refund has the file of version 1 again, as version 3.")).to_be_visible()
    await type_line(cleo, "/signoff disable refund")
    await confirmed(cleo, "Disable", "Disable")
    await expect(cleo.locator("li.message").last).to_contain_text("refund is disabled.")
    await type_line(cleo, "/signoff run refund")
    await expect(cleo.locator("li.message").last).to_contain_text("The workflow refund was disabled")
    await cleo.get_by_role("button", name="Run Refund a customer").last.click()
    refused = cleo.get_by_role("dialog")
    await expect(refused).to_contain_text("The workflow refund was disabled")
    await refused.get_by_role("button", name="Close").last.click()
    await expect(refused).to_have_count(0)
    await type_line(cleo, "/signoff enable refund")
    await expect(cleo.locator("li.message").last).to_contain_text("can be started again")
    await type_line(cleo, "/signoff delete refund")
    await confirmed(cleo, "Delete", "Delete")
    await expect(cleo.locator("li.message").last).to_contain_text("deleted")
    await type_line(cleo, "/signoff list")
    await expect(cleo.get_by_text("No workflow is registered yet.")).to_be_visible()


async def confirmed(page: Page, button: str, yes: str) -> None:
    """Click the newest button of this name, and confirm it."""
    await page.get_by_role("button", name=button).last.click()
    await page.get_by_role("dialog").get_by_role("button", name=yes).click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
