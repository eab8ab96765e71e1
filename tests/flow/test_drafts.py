"""The ready-made workflows with a language model, from Slack to their end, on both databases.

A CRM answers over HTTP, the model is the local provider, people act in the local Slack, and the email arrives at a real
mail server.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest

from bot.devtools.language_model import KEY, MODEL
from tests.support.engine_env import until
from tests.support.language_model import open_threaded_provider, recorded
from tests.support.processes import Installation, serving
from tests.support.server_env import links
from tests.support.template_env import TemplateEnv, open_templates

TITLE = "Send the first email to Harbour Bakery?"


@pytest.fixture
async def world(tmp_path: Path, server_database: dict[str, str]) -> AsyncIterator[TemplateEnv]:
    async with open_templates(tmp_path, server_database) as env:
        yield env


async def test_a_draft_goes_from_the_research_to_the_mailbox_as_a_rep_corrected_it(world: TemplateEnv) -> None:
    await world.register("outreach")
    ada, ben = (world.env.sandbox.person(name) for name in ("ada", "ben"))
    world.provider.fault("two")
    await ada.command("/signoff run outreach prospect=P-1001 to=nora@example.com", channel="general")
    await until(lambda: TITLE in world.shown("ben"))
    for text in "Drafted by local-writer.", "Why", "Made from", "If approved", "Confidence", "high":
        assert text in world.shown("ben")
    await ben.click("Edit")
    await until(lambda: ben.modal is not None)
    await ben.submit({"Subject": "Your faded sign"})
    (email,) = await world.env.sandbox.mail.wait_for(to="nora@example.com")
    assert email.subject == "Your faded sign"
    assert "We paint signs by hand" in (email.text or "")
    first, second = world.provider.calls
    assert "What we know: The sign has faded. Nora decides." in first["messages"][-1]["content"]
    assert "contradict each other" in second["messages"][-1]["content"]
    (request,) = await world.env.app.engine.requests_of_run((await world.last_run()).id)
    assert request.decision is not None
    assert [edit.label for edit in request.decision.edits] == ["Subject"]
    run = await world.last_run()
    calls = run.steps[1].model_calls
    assert [call.problem is None for call in calls] == [False, True]
    assert all(call.cost for call in calls)


async def test_email_and_review_page_say_what_the_draft_was_made_from_and_by_what(world: TemplateEnv) -> None:
    await world.register("outreach", ('"{{ steps.research.body.account_owner }}"', "mia@example.com"))
    await world.env.start("outreach", prospect="P-1001", to="nora@example.com")
    (email,) = await world.env.sandbox.mail.wait_for(to="mia@example.com")
    for text in "Drafted by local-writer", "The notes say that the sign has faded", "gets this email.":
        assert text in (email.text or "")
        assert text in (email.html or "")
    (review,) = [link for link in links(email) if "/r/" in link]
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session, session.get(review) as response:
        page = await response.text()
    for text in "Drafted by local-writer", "Made from", "The notes about P-1001 in the CRM", "Confidence":
        assert text in page
    # What people have to note stands in a list of its own, with a frame.
    before = page[: page.index("Made from")]
    assert before[before.rindex("<dl ") :].startswith('<dl class="facts">')


async def test_a_transcript_updates_the_company_and_opens_the_follow_up(world: TemplateEnv) -> None:
    await world.register("transcript", ("      at: after ", "      approvers: [ben@example.com]\n      at: after "))
    ada, ben = (world.env.sandbox.person(name) for name in ("ada", "ben"))
    await ada.command('/signoff run transcript company=Acme transcript="We take twelve seats."', channel="general")
    await until(lambda: "Is this what the call with Acme said?" in world.shown("ben"))
    await ben.click("Edit")
    await until(lambda: ben.modal is not None)
    await ben.submit({"Stage": "customer"})
    await until(lambda: len(world.systems.written) == 2)
    (put, company, update), (post, _, issue) = world.systems.written
    assert (put, company, update["stage"], update["due"]) == ("PUT", "/companies/Acme", "customer", "2026-12-04")
    assert (post, issue) == ("POST", {"title": "Send the offer for twelve seats"})


# -- killed -------------------------------------------------------------------------------------------------

LETTER = """\
name: letter
steps:
  - id: draft
    uses: ai
    with: {prompt: Write a first email to Harbour Bakery., output: {subject: text, body: long_text, reasons: text,
      confidence: {type: choice, options: [low, medium, high]}}, budget: {tokens: 9000}}
  - {id: keep, uses: set, with: {subject: "{{ steps.draft.subject }}"}}
"""


def test_a_call_that_a_kill_cut_off_is_made_again_and_counted(installation: Installation) -> None:
    with open_threaded_provider(recorded("outreach")) as provider:
        settings = {"AI_URL": provider.service.url, "AI_KEY": KEY, "AI_MODEL": MODEL}
        installation.settings.update({f"SIGNOFF_{name}": value for name, value in settings.items()})
        installation.write("letter.yaml", LETTER)
        provider.service.fault("slow", seconds=60)
        with serving(installation) as server:
            assert installation.run("register", "letter.yaml").code == 0
            assert installation.run("run", "letter").code == 0
            wait_for(lambda: len(provider.service.calls) == 1)
            server.kill()
        with serving(installation):
            wait_for(lambda: status_of(installation) == "succeeded")
        (run,) = installation.run("runs", "--json").json
        draft = installation.run("runs", run["id"], "--json").json["steps"][0]
        lost, answered = draft["model_calls"]
        assert (lost["answered_at"], lost["attempt"], answered["attempt"]) == (None, 1, 2)
        assert draft["output"]["subject"] == "A new sign for Harbour Bakery?"
        assert [call["max_completion_tokens"] for call in provider.service.calls] == [4_000, 4_000]
        log = installation.run("audit", "export").out
        assert "step.model_asked" in log
        assert KEY not in log


def status_of(installation: Installation) -> str:
    (run,) = installation.run("runs", "--json").json
    return str(run["status"])


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until the condition holds."""
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError("the condition never held")


# -- without the library ------------------------------------------------------------------------------------

WITHOUT_LIBRARY = """\
import sys

class Without:
    def __init__(self, finder):
        self.finder = finder

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, name, *more):
        absent = name.partition(".")[0] in ("genai_prices", "httpx2", "openai", "pydantic_ai")
        return None if absent else self.finder.find_spec(name, *more)

sys.meta_path[:] = map(Without, sys.meta_path)
from bot.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    ("arguments", "code"), [(("register", "letter.yaml"), 1), (("check", "letter.yaml"), 0), (("doctor",), 1)]
)
def test_without_the_library_one_sentence_says_what_to_install(
    installation: Installation, arguments: tuple[str, ...], code: int
) -> None:
    installation.write("letter.yaml", LETTER)
    settings = {"SIGNOFF_AI_KEY": KEY, "SIGNOFF_AI_MODEL": MODEL}
    finished = subprocess.run(
        [sys.executable, "-c", WITHOUT_LIBRARY, *arguments],
        env=installation.environment | settings,
        cwd=installation.folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    output = " ".join((finished.stdout + finished.stderr).split())
    assert finished.returncode == code, output
    assert output.count("pip install 'signoff[ai]'") == 1, output
    assert "Traceback" not in output
