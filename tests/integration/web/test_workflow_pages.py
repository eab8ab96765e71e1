"""The pages of workflows: who sees them, versions side by side, and changes that lose nothing."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.roles import file
from bot.roles.directory import DirectoryWithRoles
from bot.web import version_comparison
from engine.domain import Address, NotAllowed, NotAnApprover, NotFound
from engine.domain.oversight import OVERSIGHT_WORKFLOW
from engine.domain.workflow_commands import WorkflowState
from engine.read_models import PageQuery, RequestView, WorkflowView
from engine.steps.workflow_schema import workflow_schema
from tests.browser.workflow_states import FIRST, SECOND, register_both
from tests.support.charset_names import CHARSET_NAMES
from tests.support.fakes import people_reached_by
from tests.support.web_env import Answer, Browser, WebEnv, open_web

ADMIN, AUDITOR, OWNER = "boss@example.com", "aud@example.com", "sam@example.com"
PAGE, EDIT = "/workflows/refund", "/workflows/refund/edit"


@pytest.fixture
async def web(path: Path) -> AsyncIterator[WebEnv]:
    async with open_web(path, admins=[ADMIN], auditors=[AUDITOR]) as env:
        await register_both(env.engine_env)
        yield env


async def current(web: WebEnv) -> WorkflowView:
    view = await web.engine_env.engine.workflow("refund")
    assert not isinstance(view, NotFound)
    return view


async def press(browser: Browser, act: str, **typed: str) -> Answer:
    form = (await browser.get(PAGE)).page.form
    asked = await browser.post(form.action, form.with_(act=act, **typed), kind=form.kind)
    return await browser.post(asked.page.form.action, asked.page.form.fields, kind=asked.page.form.kind)


async def save(browser: Browser, source: str, act: str = "register") -> Answer:
    form = (await browser.get(EDIT)).page.form
    return await browser.post(form.action, form.with_(source=source, act=act), kind=form.kind)


async def test_only_owners_and_those_who_read_everything_see_a_workflow(web: WebEnv) -> None:
    paths = ("/workflows", PAGE, EDIT, f"{PAGE}/versions?from=1&to=2")
    assert [(await web.browser().get(path)).status for path in paths] == [403] * 4
    for person in (OWNER, ADMIN, AUDITOR):
        browser = await web.sign_in(person)
        assert "Refund an order" in (await browser.get("/workflows")).page.text
        assert [(await browser.get(path)).status for path in paths[1:]] == [200] * 3
    other = await web.sign_in("lee@example.com")
    assert "You see workflows here that you own." in (await other.get("/workflows")).page.text
    assert [(await other.get(path)).status for path in (*paths[1:], "/workflows/none")] == [404] * 4


async def test_the_members_of_the_role_that_owns_a_workflow_see_and_change_it(path: Path) -> None:
    roles = file.read(b"roles: {finance: [sam@example.com, lee@example.com]}", file="roles.yaml")
    directory = DirectoryWithRoles(people_reached_by("email"), lambda: roles)
    async with open_web(path, directory=directory) as web:
        source = SECOND.replace("owner: sam@example.com", 'owner: "role:finance"')
        await web.engine_env.register(source)
        await web.engine_env.register(FIRST.replace("name: refund", "name: other"))
        for name in ("refund", "other"):
            await web.engine_env.start(name, amount=200)
        await web.engine_env.settle()
        for person, sees in (("kim@example.com", False), ("lee@example.com", True)):
            browser = await web.sign_in(person)
            assert ('href="/workflows/refund"' in (await browser.get("/workflows")).text) is sees
            assert ((await browser.get(EDIT)).status == 200) is sees
        await save(browser, source.replace("Refund an order", "Refund one order"))
        assert (await current(web)).title == "Refund one order"


async def test_a_workflow_is_drawn_and_says_who_is_asked(web: WebEnv) -> None:
    answer = await (await web.sign_in(OWNER)).get(PAGE)
    assert answer.text.count("<svg") == 1
    assert "Pay the refund: lee@example.com or the owner of the workflow, if “Amount” is above 100" in answer.page.text
    assert "not reached" not in answer.text
    assert "Version 2 ● current" in answer.page.text or "Version 2" in answer.page.text
    assert "by sam@example.com" in answer.page.text


async def test_what_goes_through_without_review_is_said_with_the_worst_case(web: WebEnv) -> None:
    await web.engine_env.register(
        SECOND.replace(
            "      edit: [amount]", "      edit: [amount]\n      autonomy: {clean: 100, sample: 10%, only_when: true}"
        )
    )
    text = (await (await web.sign_in(OWNER)).get(PAGE)).page.text
    assert "Everything is reviewed now." in text
    assert "At worst 1 in " in text


async def test_two_versions_stand_side_by_side_with_the_difference_in_words(web: WebEnv) -> None:
    answer = await (await web.sign_in(OWNER)).get(f"{PAGE}/versions?from=1&to=2")
    assert "<del>" in answer.text
    assert "<ins>" in answer.text
    assert "lee@example.com" in answer.page.text
    missing = await (await web.sign_in(OWNER)).get(f"{PAGE}/versions?from=1&to=9")
    assert missing.status == 404


async def test_an_older_version_becomes_the_next_one(web: WebEnv) -> None:
    answer = await press(await web.sign_in(OWNER), "roll-back", version="1")
    view = await current(web)
    assert (answer.path, view.version, view.source.decode()) == (PAGE, 3, FIRST)


@pytest.mark.parametrize(("act", "state"), [("disable", WorkflowState.DISABLED), ("enable", WorkflowState.ACTIVE)])
async def test_a_workflow_is_disabled_and_enabled(web: WebEnv, act: str, state: WorkflowState) -> None:
    browser = await web.sign_in(OWNER)
    await press(browser, "disable")
    await press(browser, act)
    assert (await current(web)).state is state


async def test_a_deleted_workflow_is_not_listed(web: WebEnv) -> None:
    browser = await web.sign_in(OWNER)
    answer = await press(browser, "delete")
    assert (answer.path, "Refund an order" in answer.page.text) == ("/workflows", False)


async def test_an_auditor_changes_nothing(web: WebEnv) -> None:
    browser = await web.sign_in(AUDITOR)
    assert "<button" not in (await browser.get(PAGE)).text.partition("<main")[2]
    refused = await save(browser, SECOND.replace("Refund an order", "Mine"))
    assert refused.status == 409
    assert "Only the owner of refund or an admin may replace it." in refused.page.text
    assert (await current(web)).version == 2


async def test_a_file_is_checked_compared_and_registered(web: WebEnv) -> None:
    browser, source = await web.sign_in(OWNER), SECOND.replace("above", "over")
    source = source.replace("title: Refund an order", "title: Refund one order")
    checked = await save(browser, source, "check")
    assert "The file has no problems" in checked.page.text
    assert "Refund one order" in checked.text
    assert (await current(web)).version == 2
    registered = await save(browser, source)
    assert registered.path == PAGE
    assert (await current(web)).source.decode() == source


async def test_an_admin_who_registers_a_version_does_not_become_the_owner(web: WebEnv) -> None:
    bare = SECOND.replace(f"owner: {OWNER}\n", "")
    assert bare != SECOND
    await save(await web.sign_in(ADMIN), bare)
    after = await current(web)
    assert (after.version, after.owner.label) == (3, OWNER)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        (("approvers", "aprovers"), "Did you mean `approvers`?"),
        (("name: refund", "name: other"), "Here it stays refund"),
        (("steps:", "steps: ["), "Line "),
    ],
)
async def test_a_wrong_file_is_shown_again_with_what_to_do(
    web: WebEnv, changed: tuple[str, str], sentence: str
) -> None:
    source = SECOND.replace(*changed)
    answer = await save(await web.sign_in(OWNER), source)
    assert answer.status == 422
    assert sentence in answer.page.text
    assert dict(answer.page.form.fields)["source"].replace("\r\n", "\n") == source
    assert (await current(web)).version == 2


async def test_a_text_that_is_older_than_the_present_version_is_kept_and_not_registered(web: WebEnv) -> None:
    browser = await web.sign_in(OWNER)
    form = (await browser.get(EDIT)).page.form
    await web.engine_env.register(FIRST)
    typed = SECOND.replace("title: Refund an order", "title: Mine")
    late = await browser.post(form.action, form.with_(source=typed, act="register"), kind=form.kind)
    assert (late.status, (await current(web)).version) == (409, 3)
    assert "Version 3 was registered meanwhile. Your text is still here" in late.page.text
    again = late.page.form
    await browser.post(again.action, again.with_(act="register"), kind=again.kind)
    assert (await current(web)).source.decode() == typed


async def test_of_two_changes_at_once_one_is_registered_and_the_other_kept(web: WebEnv) -> None:
    browsers = [await web.sign_in(OWNER), await web.sign_in(ADMIN)]
    texts = [SECOND.replace("title: Refund an order", f"title: Mine {number}") for number in (1, 2)]
    forms = [(await browser.get(EDIT)).page.form for browser in browsers]
    answers = await asyncio.gather(
        *(
            browser.post(form.action, form.with_(source=text, act="register"), kind=form.kind)
            for browser, form, text in zip(browsers, forms, texts, strict=True)
        )
    )
    assert (await current(web)).version == 3
    ((late, text),) = ((one, text) for one, text in zip(answers, texts, strict=True) if one.status == 409)
    assert "Version 3 was registered meanwhile. Your text is still here" in late.page.text
    assert dict(late.page.form.fields)["source"].replace("\r\n", "\n") == text


async def test_an_old_page_takes_no_version_back_that_came_meanwhile(web: WebEnv) -> None:
    browser = await web.sign_in(OWNER)
    form = (await browser.get(PAGE)).page.form
    asked = await browser.post(form.action, form.with_(act="roll-back", version="1"), kind=form.kind)
    await web.engine_env.register(SECOND.replace("Refund an order", "Mine"))
    late = await browser.post(asked.page.form.action, asked.page.form.fields, kind=asked.page.form.kind)
    assert (late.status, (await current(web)).version) == (409, 3)
    assert "which you have not seen" in late.page.text


async def test_a_form_of_another_site_or_browser_changes_nothing(web: WebEnv) -> None:
    browser = await web.sign_in(OWNER)
    for path in (PAGE, EDIT):
        form = (await browser.get(path)).page.form
        fields = form.with_(act="delete" if path == PAGE else "register", source=FIRST)
        assert (await browser.post(form.action, fields, Sec_Fetch_Site="cross-site")).status == 403
        other = await web.sign_in(ADMIN)
        assert (await other.post(form.action, fields, kind=form.kind)).status == 422
    assert (await current(web)).version == 2


async def test_the_editor_gets_the_schema_of_this_server_under_an_address_that_names_its_content(web: WebEnv) -> None:
    browser = await web.sign_in(OWNER)
    (address,) = re.findall(r'data-schema="([^"]+)"', (await browser.get(EDIT)).text)
    answer = await browser.get(address)
    assert json.loads(answer.text) == workflow_schema(web.engine_env.advancer.kinds)
    assert "immutable" in answer.headers["Cache-Control"]
    assert (await web.browser().get(address)).status == 403


async def test_a_text_is_checked_while_it_is_typed_in_the_words_of_the_command(web: WebEnv) -> None:
    browser = await web.sign_in(OWNER)
    wrong = SECOND.replace("approvers", "aprovers")
    for source, name, expected in (
        (SECOND, "refund", []),
        (SECOND.replace("name: refund", "name: other"), "", []),
        (SECOND.replace("name: refund", "name: other"), "refund", [(1, 7, "The file has another name now. Here it")]),
        (wrong.replace("\n", "\r\n"), "refund", [(14, 7, "A gate has no key `aprovers`. Did you mean `approvers`?")]),
    ):
        answer = await browser.post("/workflow-file", [("source", source), ("name", name)])
        problems = json.loads(answer.text)["problems"]
        assert [
            (one["line"], one["column"], one["text"][: len(text)])
            for one, (*_, text) in zip(problems, expected, strict=True)
        ] == expected
    assert (await current(web)).version == 2


async def test_a_form_is_read_as_utf_8_whatever_character_set_its_sender_names(web: WebEnv) -> None:
    """Some of Python's codecs take quadratic time or raise anything, and any stranger may send a form."""
    browser = await web.sign_in(OWNER)
    source = SECOND.replace("Refund an order", r"Größe \\ud800 +2AA-")
    body = f'--x\r\nContent-Disposition: form-data; name="source"\r\n\r\n{source}\r\n--x--\r\n'.encode()
    for charset in CHARSET_NAMES:
        for kind in ("multipart/form-data", "Multipart/Form-Data"):
            headers = {"Content-Type": f"{kind}; charset={charset}; boundary=x"}
            answer = await browser.post_raw("/workflow-file", body, **headers)
            assert (answer.status, json.loads(answer.text)) == (200, {"problems": []}), headers


async def test_others_get_no_check(web: WebEnv) -> None:
    fields = [("source", SECOND)]
    assert (await web.browser().post("/workflow-file", fields)).status == 403
    browser = await web.sign_in(OWNER)
    assert (await browser.post("/workflow-file", fields, Sec_Fetch_Site="cross-site")).status == 403


def test_files_of_very_many_lines_are_compared_without_matching_each_line_with_each() -> None:
    many = "#\n" * 200_000
    rows = version_comparison.compare(f"a\n{many}b\n".encode(), f"b\n{many}a\n".encode())
    assert len(rows) == version_comparison.MOST_LINES
    near = version_comparison.compare(f"a\n{many}".encode(), f"b\n{many}".encode())
    assert [row.kind for row in near] == ["changed", "same", "same", "same", "gap"]


LINES = st.lists(st.sampled_from(["a", "b", "c", "", "steps:"]), max_size=30)


@given(LINES, LINES)
def test_a_comparison_has_every_line_that_differs_in_its_order(before: list[str], after: list[str]) -> None:
    rows = version_comparison.compare("\n".join(before).encode(), "\n".join(after).encode())
    old = [(row.old_number, row.old) for row in rows if row.old_number is not None]
    new = [(row.new_number, row.new) for row in rows if row.new_number is not None]
    lines, changed = "\n".join(before).splitlines(), "\n".join(after).splitlines()
    assert all(lines[number - 1] == text for number, text in old)
    assert all(changed[number - 1] == text for number, text in new)
    assert [number for number, _ in old] == sorted({number for number, _ in old})
    hidden_old = [line for at, line in enumerate(lines, start=1) if at not in dict(old)]
    hidden_new = [line for at, line in enumerate(changed, start=1) if at not in dict(new)]
    assert hidden_old == hidden_new
    assert all(row.old == row.new for row in rows if row.kind == "same")


@pytest.mark.parametrize("author", [OWNER, ADMIN])
async def test_the_author_changes_a_protected_workflow_alone_through_no_page(web: WebEnv, author: str) -> None:
    env, page = web.engine_env, "/workflows/guarded"
    other, first = (
        ADMIN if author == OWNER else OWNER,
        FIRST.replace("name: refund\n", "name: guarded\nprotected: true\n"),
    )
    await env.register(first)
    browser = await web.sign_in(author)
    changed = first.replace("title: Refund", "title: Mine")

    async def saved(source: str) -> Answer:
        form = (await browser.get(f"{page}/edit")).page.form
        return await browser.post(form.action, form.with_(source=source, act="register"), kind=form.kind)

    async def pressed(act: str, **typed: str) -> Answer:
        form = (await browser.get(page)).page.form
        asked = await browser.post(form.action, form.with_(act=act, **typed), kind=form.kind)
        return await browser.post(asked.page.form.action, asked.page.form.fields, kind=asked.page.form.kind)

    async def proposal() -> RequestView:
        requests = await env.engine.requests(PageQuery(open_only=True))
        (waiting,) = (one for one in requests if one.model.subject.workflow == OVERSIGHT_WORKFLOW)
        return waiting

    await saved(changed)
    waiting = await proposal()
    await env.decide(waiting.run, by=Address("email", other))
    before = await env.engine.workflow("guarded")
    assert not isinstance(before, NotFound)
    assert (before.version, before.source.decode()) == (2, changed)
    for answer in (
        await saved(changed.replace("title: Mine", "title: Only mine")),
        await saved(changed.replace("protected: true\n", "")),
        await pressed("roll-back", version="1"),
        await pressed("delete"),
    ):
        assert answer.path.startswith("/runs/")
        waiting = await proposal()
        assert [approver.person.email for approver in waiting.approvers] == [other]
        refused = await env.decide(waiting.run, by=Address("email", author))
        assert isinstance(refused, NotAllowed | NotAnApprover)
    assert await env.engine.workflow("guarded") == before
