"""Files on the review page: uploaded with the form, shown, and given out to people who may see the request."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from bot import page_urls
from bot.web import form_inputs
from engine.domain import FileUpload, RequestState
from tests.integration.test_attachments import pieces
from tests.support.engine_env import ANN, MAX_FILE
from tests.support.web_env import ADA, BEN, Answer, Browser, WebEnv
from tests.unit.engine.test_media_types import SCRIPT, png

FLOW = """\
name: claim
owner: sam@example.com
inputs:
  receipt: {type: file, label: Receipt}
steps:
  - id: claim
    uses: set
    with: {receipt: "{{ inputs.receipt }}", note: "{{ inputs.receipt.name }}"}
    gate: {title: "Pay the claim?", approvers: [ada@example.com, ben@example.com], assurance: link}
"""
FORM = """\
name: ask
owner: sam@example.com
steps:
  - id: ask
    uses: form
    approvers: [ada@example.com]
    assurance: link
    fields:
      photo: {type: file, label: Photo, types: [image/*], max_size: 150kB}
      comment: {type: text, label: Comment}
      more: {type: file, label: More, required: false}
"""
PHOTO, COMMENT, MORE = (form_inputs.key(name) for name in ("photo", "comment", "more"))


async def claim(env: WebEnv, data: bytes = b"%PDF-1.7 receipt", name: str = "receipt.pdf") -> Any:
    file: Any = await env.engine_env.engine.files.receive(FileUpload(name=name, chunks=pieces(data), uploader=ANN))
    return await env.request_approval(source=FLOW, receipt=file.value)


def links(page: Answer) -> list[str]:
    """Return the addresses of files and images on a page."""
    return re.findall(r'(?:href|src)="(/[^"]*/files/[^"]*)"', page.text)


async def download(browser: Browser, path: str) -> tuple[int, dict[str, str], bytes]:
    cookies = browser._cookies(path)  # noqa: SLF001
    async with browser.session.get(browser.base + path, headers={**browser.extra, "Cookie": cookies}) as response:
        return response.status, dict(response.headers), await response.read()


async def test_a_file_is_shown_and_given_out_to_save(env: WebEnv) -> None:
    await claim(env, name="Rechnung „März“.pdf")
    browser, page = await env.open_link()
    assert "Rechnung „März“.pdf (PDF, 16 bytes)" in page.page.text
    (link,) = links(page)
    status, headers, data = await download(browser, link)
    assert (status, data) == (200, b"%PDF-1.7 receipt")
    assert headers["Content-Type"] == "application/pdf"
    assert headers["Content-Disposition"] == (
        "attachment; filename=\"Rechnung _M_rz_.pdf\"; filename*=UTF-8''Rechnung%20%E2%80%9EM%C3%A4rz%E2%80%9C.pdf"
    )
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox; frame-ancestors 'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_an_image_of_pixels_is_shown_on_the_page(env: WebEnv) -> None:
    await claim(env, png(), "photo.png")
    browser, page = await env.open_link()
    preview, link = next(path for path in links(page) if "?preview" in path), links(page)[-1]
    _, headers, _ = await download(browser, preview)
    assert (headers["Content-Type"], headers["Content-Disposition"]) == ("image/png", "inline")
    _, headers, _ = await download(browser, link)
    assert headers["Content-Disposition"].startswith("attachment; ")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (SCRIPT, "a.html"),
        (b"<svg><script/></svg>", "a.svg"),
        (SCRIPT, "a.png"),
        (b"<a/>", "a.xml"),
    ],
)
async def test_what_could_run_a_script_is_only_saved(env: WebEnv, data: bytes, name: str) -> None:
    await claim(env, data, name)
    browser, page = await env.open_link()
    (link,) = links(page)
    for path in (link, f"{link}?preview"):
        _, headers, _ = await download(browser, path)
        assert headers["Content-Type"].partition(";")[0] in ("application/octet-stream", "text/plain")
        assert headers["Content-Disposition"].startswith("attachment; ")


async def test_a_file_is_only_for_people_who_may_see_the_request(env: WebEnv) -> None:
    first = await claim(env)
    browser, page = await env.open_link()
    (link,) = links(page)
    assert (await download(env.browser(), link))[0] != 200
    # The file of another run is not found under this request.
    await claim(env, b"%PDF-1.7 other")
    _, other_page = await env.open_link(BEN)
    (other_link,) = links(other_page)
    assert (await download(browser, other_link))[0] != 200
    mixed = link.rpartition("/")[0] + "/" + other_link.rpartition("/")[2]
    assert (await download(browser, mixed))[0] == 404
    assert (await download(browser, f"{link}x"))[0] == 404
    assert (await env.reload(first)).model.state is RequestState.PENDING


async def test_a_link_alone_opens_no_file_of_a_closed_request(env: WebEnv) -> None:
    await claim(env)
    browser, page = await env.open_link()
    (link,) = links(page)
    closed = await browser.send(page.page.form)
    assert links(closed) == []
    assert (await download(browser, link))[0] == 404


async def test_people_who_signed_in_see_the_files_of_a_run(env: WebEnv) -> None:
    request = await claim(env, png(), "photo.png")
    browser = await env.sign_in(ADA)
    for path in (f"/runs/{request.run}", f"/requests/{request.id}"):
        page = await browser.get(path)
        assert {path for path, *_ in (link.split("?") for link in links(page))}
        for link in links(page):
            status, _, data = await download(browser, link)
            assert (status, data) == (200, png())
        assert (await download(env.browser(), links(page)[0]))[2] != png()


async def test_a_form_takes_a_file(env: WebEnv) -> None:
    request = await env.request_approval(source=FORM)
    browser, page = await env.open_link()
    done = await browser.send(page.page.form, typed={COMMENT: "A nice one"}, files=[(PHOTO, "p.png", png())])
    assert done.status == 200
    decided = await env.reload(request)
    assert decided.model.state is RequestState.APPROVED
    given: dict[str, Any] = {edit.label: edit.after for edit in (decided.decision.edits if decided.decision else ())}
    assert given["Photo"]["name"] == "p.png"
    opened = await env.engine_env.engine.files.open(given["Photo"], run=request.run)
    assert opened.data == png()


async def test_what_was_typed_and_uploaded_is_kept_when_something_is_wrong(env: WebEnv) -> None:
    request = await env.request_approval(source=FORM)
    browser, page = await env.open_link()
    again = await browser.send(page.page.form, files=[(PHOTO, "p.png", png())])
    assert again.status == 422
    assert "Comment is missing" in again.page.text
    assert "p.png (PNG image, 29 bytes)" in again.page.text
    done = await browser.send(again.page.form, typed={COMMENT: "Later"})
    assert done.status == 200
    assert (await env.reload(request)).model.state is RequestState.APPROVED


async def test_a_file_that_is_too_large_is_refused_and_the_rest_is_kept(env: WebEnv) -> None:
    request = await env.request_approval(source=FORM)
    browser, page = await env.open_link()
    for size in (MAX_FILE + 1, 4 * MAX_FILE):
        again = await browser.send(
            page.page.form, typed={COMMENT: "My own words"}, files=[(PHOTO, "p.png", png() + b"a" * size)]
        )
        assert again.status == 413
        assert "“p.png” is too large: a file may have at most 200 kB. Choose a smaller one." in again.page.text
        assert dict(again.page.form.fields)[COMMENT] == "My own words"
    huge = await browser.send(page.page.form, files=[(PHOTO, "p.png", b"a" * (20 * MAX_FILE + 4_000_000))])
    assert huge.status == 413
    assert (await env.reload(request)).decision is None


@pytest.mark.parametrize("length", ["content-length: 90000000", "transfer-encoding: chunked"])
async def test_nothing_is_read_of_a_large_form_of_a_stranger(env: WebEnv, length: str) -> None:
    request = await env.request_approval(source=FORM)
    host, _, port = env.base.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = [
        f"POST {page_urls.REVIEW}/{request.id} HTTP/1.1",
        *(f"host: {env.url.partition('//')[2]}", f"origin: {env.url}", "sec-fetch-site: same-origin", length),
        "content-type: multipart/form-data; boundary=x",
    ]
    writer.write("\r\n".join([*head, "", ""]).encode())
    answer = await asyncio.wait_for(reader.readline(), 10)
    assert answer.split()[1] in (b"403", b"404")
    writer.close()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (SCRIPT, "Photo must be an image, and “p.png” is a text."),
        (png() + b"a" * 150_000, "Photo must have at most 150 kB, and “p.png” has 150 kB."),
        (b"", "Photo: “p.png” is empty. Choose another file."),
    ],
)
async def test_a_file_that_the_field_does_not_take_is_refused_under_it(env: WebEnv, data: bytes, sentence: str) -> None:
    await env.request_approval(source=FORM)
    browser, page = await env.open_link()
    again = await browser.send(page.page.form, typed={COMMENT: "x"}, files=[(PHOTO, "p.png", data)])
    assert again.status == 422
    assert sentence in again.page.text


async def test_a_file_for_another_input_or_of_another_form_is_dropped(env: WebEnv) -> None:
    await env.request_approval(source=FORM)
    browser, page = await env.open_link()
    files = [("f-0000000000000000", "p.png", png()), ("reason", "p.png", png())]
    assert (await browser.send(page.page.form, typed={COMMENT: "x"}, files=files)).status == 422
    assert (await browser.send(page.page.form, nonce="forged", files=[(PHOTO, "p.png", png())])).status == 422
    folder = env.engine_env.path.with_name("files")
    assert [path for path in folder.rglob("*") if path.is_file()] == []


async def test_a_file_in_the_content_is_replaced(env: WebEnv) -> None:
    request = await claim(env)
    browser, page = await env.open_link()
    name = form_inputs.key("receipt")
    done = await browser.send(page.page.form, files=[(name, "new.pdf", b"%PDF-1.7 new")])
    assert done.status == 200
    decided = await env.reload(request)
    assert decided.decision is not None
    (edit,) = decided.decision.edits
    old: Any = edit.before
    new: Any = edit.after
    assert (old["name"], new["name"]) == ("receipt.pdf", "new.pdf")
    assert "new.pdf (PDF, 12 bytes)" in done.page.text


async def test_an_optional_file_can_be_left_out_or_removed(env: WebEnv) -> None:
    await env.request_approval(source=FORM)
    browser, page = await env.open_link()
    again = await browser.send(page.page.form, files=[(PHOTO, "p.png", png()), (MORE, "m.txt", b"more")])
    assert "Remove this file" in again.page.text
    fields = [*again.page.form.with_(**{COMMENT: "x"}), (MORE, ""), ("verdict", "approve")]
    done = await browser.post(again.page.form.action, fields, kind=again.page.form.kind)
    assert done.status == 200
    assert "m.txt" not in done.page.text
