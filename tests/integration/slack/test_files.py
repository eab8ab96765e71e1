"""Files in the modals of Slack: chosen there, fetched with the bot's token, and shown on cards in words."""

from __future__ import annotations

import json

import pytest

from bot.slack import file_uploads
from engine.domain import RequestState
from engine.read_models import PageQuery
from tests.support.engine_env import MAX_FILE
from tests.support.slack_env import SlackEnv, copy_of, ephemeral_texts, expect_ok, words

FLOW = """\
name: claim
title: Claim
inputs:
  receipt: {type: file, label: Receipt, types: [application/pdf]}
  note: {type: text, label: Note, required: false}
steps:
  - id: pay
    uses: set
    with: {receipt: "{{ inputs.receipt }}", note: "{{ inputs.note }}"}
    gate:
      title: "Pay the claim?"
      approvers: [ada@example.com]
      edit: [receipt]
"""
PDF = b"%PDF-1.7 receipt"
FILES_LINK = "Open the files on the web"


async def open_form(env: SlackEnv) -> None:
    await env.register(FLOW)
    cleo = env.person("cleo")
    await cleo.command("/signoff run claim", channel="general")
    await env.slack.until(lambda: cleo.modal)


async def started(env: SlackEnv) -> str:
    (run,) = await env.engine.runs(PageQuery(limit=10))
    return run.id


async def test_a_run_is_started_with_a_file(env: SlackEnv) -> None:
    await open_form(env)
    cleo = env.person("cleo")
    await cleo.upload("receipt.pdf", PDF, into="Receipt")
    expect_ok(await cleo.submit())
    run = await started(env)
    view = await env.engine.run(run)
    assert view is not None
    assert (await env.engine.files.open(view.inputs["receipt"], run=run)).data == PDF
    await env.settle()
    assert "receipt.pdf (PDF, 16 bytes)" in words(copy_of(env.person("ada"), "Pay the claim?"))


async def test_what_is_wrong_with_a_file_is_said_under_it_and_the_form_stays(env: SlackEnv) -> None:
    await open_form(env)
    cleo = env.person("cleo")
    assert "A PDF" in words(cleo.modal)
    for name, content, sentence in (
        ("a.pdf", b"hello", "Receipt must be a PDF, and “a.pdf” is a text."),
        (
            "a.pdf",
            b"%PDF-1.7" + b"a" * MAX_FILE,
            "“a.pdf” is too large: a file may have at most 200 kB. Choose a smaller one.",
        ),
    ):
        await cleo.fill("Receipt", [])
        await cleo.upload(name, content, into="Receipt")
        expect_ok(await cleo.submit())
        assert cleo.modal is not None
        assert [*cleo.modal["errors"].values()] == [sentence]
    assert await env.engine.runs(PageQuery(limit=10)) == []


async def test_a_file_that_takes_long_is_fetched_after_slack_was_answered(
    env: SlackEnv, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_uploads, "AT_ONCE_SECONDS", 0.0)
    await open_form(env)
    cleo = env.person("cleo")
    await cleo.upload("receipt.pdf", PDF, into="Receipt")
    expect_ok(await cleo.submit())
    await env.finish_background_work()
    await env.slack.until(lambda: "Done. You can close this." in words(cleo.modal))
    assert await started(env)
    assert ephemeral_texts(env.slack, cleo)


async def test_an_approver_replaces_a_file_or_keeps_it(env: SlackEnv) -> None:
    await open_form(env)
    cleo, ada = env.person("cleo"), env.person("ada")
    await cleo.upload("receipt.pdf", PDF, into="Receipt")
    expect_ok(await cleo.submit())
    await env.settle()
    expect_ok(await ada.click("Edit"))
    await env.slack.until(lambda: "It is receipt.pdf (PDF, 16 bytes) now." in words(ada.modal))
    await ada.upload("new.pdf", b"%PDF-1.7 new", into="Receipt")
    expect_ok(await ada.submit())
    await env.settle()
    run = await started(env)
    (request,) = await env.engine.requests_of_run(run)
    assert request.model.state is RequestState.APPROVED
    assert request.decision is not None
    (edit,) = request.decision.edits
    assert (await env.engine.files.open(edit.after, run=run)).data == b"%PDF-1.7 new"


async def test_a_card_with_a_file_links_to_its_page_while_it_is_open(env: SlackEnv) -> None:
    await env.stop_bot()
    env.page_of = "https://signoff.example.com/review/{}".format
    await env.start_bot()
    await open_form(env)
    cleo, ada = env.person("cleo"), env.person("ada")
    await cleo.upload("receipt.pdf", PDF, into="Receipt")
    expect_ok(await cleo.submit())
    await env.settle()
    (request,) = await env.engine.requests_of_run(await started(env))
    link = {"type": "link", "url": f"https://signoff.example.com/review/{request.id}", "text": FILES_LINK}
    assert json.dumps(link) in json.dumps(copy_of(ada, "Pay the claim?"))
    expect_ok(await ada.click("Approve"))
    await env.settle()
    assert FILES_LINK not in words(ada.sees())
