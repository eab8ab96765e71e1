"""Commands and every kind of input on the page of the sandbox."""

from __future__ import annotations

import pytest
from playwright.async_api import FilePayload, Page, expect

from bot.devtools.demo import templates, workflows
from engine.json_values import Value
from engine.read_models import PageQuery as Rows
from tests.browser.sandbox_page import EVERYTHING, SandboxWindows

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def type_line(page: Page, line: str) -> None:
    await page.get_by_role("combobox", name="Message").fill(line)
    await page.keyboard.press("Enter")


async def test_every_kind_of_input_can_be_filled_in(windows: SandboxWindows) -> None:
    await windows.register(EVERYTHING)
    ben = await windows.window("ben", "general")
    await type_line(ben, "/signoff run everything")
    form = ben.get_by_role("dialog", name="Every kind of input")
    for label, text in (
        ("Word", "hello"),
        ("Lines", "one\ntwo"),
        ("Number", "-1.5"),
        ("Count", "10"),
        ("Price (amount)", "12.50"),
        ("Price (currency)", "USD"),
        ("Day", "2026-03-04"),
        ("Moment", "2026-03-04T09:30"),
        ("Mail", "not an address"),
        ("Site", "https://example.com/a?b=1"),
    ):
        await form.get_by_label(label, exact=True).fill(text)
    await form.get_by_role("group", name="Sure").get_by_label("Yes").check()
    await form.get_by_role("group", name="Colour").get_by_label("green").check()
    await form.get_by_label("Size (optional)").select_option("m")
    for name in ("salt", "oil"):
        await form.get_by_role("group", name="Extras").get_by_label(name).check()
    for name in ("a", "k"):
        await form.get_by_role("group", name="Towns").get_by_label(name, exact=True).check()
    await form.get_by_label("Who").select_option(label="Ada Approver")
    await form.get_by_role("button", name="Start").click()
    await expect(form.get_by_text("Please enter a number of at most 9.")).to_be_visible()
    await expect(form.get_by_text("Please enter a valid email address.")).to_be_visible()
    await expect(form.get_by_label("Count")).to_be_focused()
    await form.get_by_label("Count").fill("7")
    await form.get_by_label("Mail").fill("ada@example.com")
    await form.get_by_role("button", name="Start").click()
    await expect(form).to_have_count(0)
    (run,) = await windows.demo.app.engine.runs(Rows())
    assert as_texts(dict(run.inputs)) == {
        "word": "hello",
        "lines": "one\ntwo",
        "number": "-1.5",
        "count": "7",
        "price": "{'amount': '12.50', 'currency': 'USD'}",
        "sure": "True",
        "day": "2026-03-04",
        "moment": "2026-03-04T14:30:00Z",  # Ben typed half past nine, in the time zone of New York.
        "mail": "ada@example.com",
        "site": "https://example.com/a?b=1",
        "colour": "green",
        "size": "m",
        "extras": "['salt', 'oil']",
        "towns": "['a', 'k']",
        "who": windows.demo.slack.person("ada").id,
    }


def as_texts(inputs: dict[str, Value]) -> dict[str, str]:
    return {name: str(value) for name, value in inputs.items()}


async def test_a_workflow_is_pasted_with_a_typo_and_then_without(windows: SandboxWindows) -> None:
    source = workflows.refund(windows.demo.payments.url)
    cleo = await windows.window("cleo")
    await type_line(cleo, "/signoff register")
    modal = cleo.get_by_role("dialog", name="Register a workflow")
    await modal.get_by_role("button", name="Register").click()
    await expect(modal.locator(".error").first).not_to_be_empty()
    await modal.get_by_label("Workflow file", exact=True).fill(
        templates.replace_once(source, "approve_label:", "aprove_label:")
    )
    await modal.get_by_role("button", name="Register").click()
    await expect(modal.locator(".error").first).to_contain_text("aprove_label")
    await modal.get_by_label("Workflow file", exact=True).fill(source)
    await modal.get_by_role("button", name="Register").click()
    await expect(cleo.get_by_text("Registered Refund a customer, version 1.")).to_be_visible()
    await expect(cleo.get_by_role("dialog")).to_have_count(0)


async def test_pasted_text_stays_while_the_form_grows(windows: SandboxWindows) -> None:
    cleo = await windows.window("cleo")
    await type_line(cleo, "/signoff register")
    modal = cleo.get_by_role("dialog", name="Register a workflow")
    await modal.get_by_label("Workflow file").fill("name: half")
    await modal.get_by_role("button", name="Add another part").click()
    await expect(modal.get_by_label("Workflow file, part 1 of 2")).to_have_value("name: half")
    await expect(modal.get_by_label("Workflow file, part 2 of 2 (optional)")).to_have_value("")


async def test_a_workflow_is_uploaded_with_a_typo_and_then_without(windows: SandboxWindows) -> None:
    source = workflows.refund(windows.demo.payments.url)
    cleo = await windows.window("cleo")
    await type_line(cleo, "/signoff register")
    modal = cleo.get_by_role("dialog", name="Register a workflow")
    await modal.get_by_role("button", name="Upload it instead").click()
    await expect(modal.get_by_role("button", name="Paste it instead")).to_be_visible()
    upload = modal.get_by_label("Workflow file")
    await upload.set_input_files(yaml_file(templates.replace_once(source, "approve_label:", "aprove_label:")))
    await expect(modal.locator(".files")).to_contain_text("refund.yaml")
    await modal.get_by_role("button", name="Register").click()
    await expect(modal.locator(".error", has_text="aprove_label")).to_be_visible()
    await modal.get_by_role("button", name="Remove refund.yaml").click()
    await expect(modal.locator(".files li")).to_have_count(0)
    await upload.set_input_files(yaml_file(source))
    await expect(modal.locator(".files li")).to_have_count(1)
    await modal.get_by_role("button", name="Register").click()
    await expect(cleo.get_by_text("Registered Refund a customer, version 1.")).to_be_visible()


def yaml_file(source: str) -> FilePayload:
    return {"name": "refund.yaml", "mimeType": "application/yaml", "buffer": source.encode()}


async def test_commands_are_completed_by_keyboard(windows: SandboxWindows) -> None:
    await windows.register()
    cleo = await windows.window("cleo", "general")
    line = cleo.get_by_role("combobox", name="Message #general")
    await line.press_sequentially("/signoff ru")
    options = cleo.get_by_role("listbox", name="Commands")
    await expect(options.get_by_role("option")).to_have_count(3)
    for _ in range(3):
        await cleo.keyboard.press("ArrowDown")
    selected_option = options.locator("[aria-selected=true]")
    await expect(selected_option).to_contain_text("/signoff run refund")
    assert await line.get_attribute("aria-activedescendant") == await selected_option.get_attribute("id")
    await cleo.keyboard.press("Enter")
    await expect(line).to_have_value("/signoff run refund")
    await expect(options).to_have_count(0)
    await cleo.keyboard.press("Enter")
    form = cleo.get_by_role("dialog", name="Refund a customer")
    await form.get_by_label("Order number").fill("A-2001")
    await form.get_by_label("Amount (EUR)").fill("12")
    await form.get_by_label("Why").fill("Too late")
    await form.get_by_role("button", name="Start").click()
    await expect(form).to_have_count(0)
    await windows.until(lambda: windows.demo.payments.for_order("A-2001"))
    await expect(cleo.locator("li.message", has_text="Done: Refund a customer")).to_be_visible()


async def test_escape_closes_the_list_and_then_nothing_else(windows: SandboxWindows) -> None:
    cleo = await windows.window("cleo")
    line = cleo.get_by_role("combobox", name="Message")
    await line.press_sequentially("/signoff r")
    await expect(cleo.get_by_role("listbox")).to_be_visible()
    await cleo.keyboard.press("Escape")
    await expect(cleo.get_by_role("listbox")).to_have_count(0)
    await expect(line).to_have_value("/signoff r")


async def test_a_guest_may_not_register_and_only_the_guest_sees_the_refusal(windows: SandboxWindows) -> None:
    gus, cleo = await windows.window("gus", "general"), await windows.window("cleo", "general")
    await type_line(gus, "/signoff register")
    notice = gus.locator("li.ephemeral")
    await expect(notice).to_contain_text("Only visible to you")
    await expect(notice).to_contain_text("may register")
    await expect(gus.get_by_role("dialog")).to_have_count(0)
    await expect(cleo.locator("li.message")).to_have_count(0)


async def test_an_unknown_command_is_reported_at_the_message_field(windows: SandboxWindows) -> None:
    ada = await windows.window("ada", "general")
    await type_line(ada, "/nothing at all")
    await expect(ada.get_by_role("alert")).to_contain_text("/nothing is not a valid command.")
    await expect(ada.get_by_role("combobox", name="Message")).to_have_value("/nothing at all")


async def test_a_message_in_a_channel_is_shown_to_others(windows: SandboxWindows) -> None:
    ada, ben = await windows.window("ada", "general"), await windows.window("ben", "app")
    await type_line(ada, "Look: <script>alert(1)</script> & *bold*")
    await expect(ben.get_by_role("link", name="general unread")).to_be_visible()
    await ben.get_by_role("link", name="general").click()
    await expect(ben.locator("li.message strong", has_text="bold")).to_be_visible()
    await expect(ben.locator("li.message")).to_contain_text("<script>alert(1)</script> & bold")
    await expect(ben.get_by_role("link", name="general unread")).to_have_count(0)
