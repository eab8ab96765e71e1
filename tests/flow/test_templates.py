"""Every ready-made workflow, from the command line to the server that its effect calls: approved, edited, rejected."""

from __future__ import annotations

import json
import os
import re
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bot.cli.exit_codes import Exit
from bot.devtools.language_model import KEY, MODEL
from engine import workflowfile
from engine.expressions import describe_server_source
from engine.steps.registry import all_step_types
from tests.support.cli import run_command
from tests.support.language_model import ThreadedProvider, open_threaded_provider, recorded
from tests.support.processes import CommandResult

FOLDER = Path(__file__).parents[2] / "templates" / "workflows"
FILES = sorted(FOLDER.glob("*.yaml"))
TOKEN = "kept-by-nobody"
PROSPECT = {"name": "Harbour Bakery", "notes": "The sign has faded.", "account_owner": "lee@example.com"}
RECORDS = [{"id": 1, "name": "Ann"}, {"id": 2, "name": "Bob"}]


@dataclass(frozen=True)
class Call:
    """One request that the services got."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class FakeServices:
    """A real HTTP server in the place of payments, deployments, records and a partner."""

    url: str
    health: int = 200
    calls: list[Call] = field(default_factory=list)

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.method in ("POST", "PUT")]

    def answer(self, path: str) -> tuple[int, object]:
        if path.startswith("/prospects"):
            return 200, PROSPECT
        if path.startswith("/records"):
            return 200, {"records": RECORDS}
        if path.startswith("/health"):
            return self.health, {"healthy": self.health == 200}
        return 201, {"accepted": path}


@pytest.fixture
def services() -> Iterator[FakeServices]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            service.calls.append(Call(self.command, self.path, headers, json.loads(content) if content else None))
            status, answer = service.answer(self.path)
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = _answer

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service = FakeServices(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield service
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Terminal:
    """Runs the command `signoff` in an empty folder, without a person at the keyboard."""

    capture: pytest.CaptureFixture[str]
    services: FakeServices

    def signoff(self, *arguments: str) -> CommandResult:
        code = run_command(*arguments)
        out, err = self.capture.readouterr()
        return CommandResult(code, out, err)

    def try_(self, name: str, inputs: dict[str, str], *answers: str) -> CommandResult:
        input_options = [part for key, value in inputs.items() for part in ("-i", f"{key}={value}")]
        Path(name).write_text(self.local(name), encoding="utf-8")
        return self.signoff("try", name, *input_options, *(part for answer in answers for part in ("--answer", answer)))

    def local(self, name: str) -> str:
        """Return the template with the address of the services, as its user would change it."""
        text = (FOLDER / name).read_text(encoding="utf-8")
        return re.sub(r"https://[a-z]+\.example\.com", self.services.url, text)


@pytest.fixture
def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], services: FakeServices
) -> Terminal:
    for name in [name for name in os.environ if name.startswith("SIGNOFF_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("SIGNOFF_HTTP_ALLOW", services.url.removeprefix("http://"))
    monkeypatch.setenv("SIGNOFF_SECRET_DEPLOY_TOKEN", TOKEN)
    return Terminal(capsys, services)


# -- all ----------------------------------------------------------------------------------------------------


def test_the_gallery_has_every_template() -> None:
    assert [file.name for file in FILES] == [
        "access.yaml",
        "approvals.yaml",
        "contract.yaml",
        "data-export.yaml",
        "deploy.yaml",
        "expense.yaml",
        "hiring.yaml",
        "outreach.yaml",
        "payment.yaml",
        "publish.yaml",
        "refund.yaml",
        "transcript.yaml",
    ]


PLANS = {
    "outreach.yaml": (
        "“Send the email”: After 100 in a row without a correction, and once a person agrees, 20% is reviewed, drawn "
        "at random. At worst 1 in 140 goes through unreviewed and bad while the rate of mistakes stays as it is, and "
        "at least 20% is reviewed. If it turns bad only once it is trusted, 1 in 26 goes through unreviewed and bad "
        "before that is noticed. How many mistakes reviewers miss is not known, so these figures are for reviewers "
        "who miss none."
    )
}
"""What the check says of the templates that may let a share through."""


def passed(file: str) -> str:
    """Return all that the check of a template without problems prints, in one line."""
    plan = PLANS.get(Path(file).name)
    return f"No problems. {file}: {plan}" if plan else "No problems."


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_template_passes_the_check(terminal: Terminal, file: Path) -> None:
    result = terminal.signoff("check", str(file))
    assert (result.code, " ".join(result.out.split())) == (Exit.DONE, passed(str(file)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_template_fits_on_one_screen_and_its_examples_on_another(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for screen in text.split("\nexamples:", maxsplit=1):
        assert len(screen.splitlines()) <= 50
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_a_template_calls_only_example_addresses_until_it_is_changed(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    addresses = [word for word in text.replace('"', " ").split() if word.startswith("https://") and word != "https://…"]
    assert all(".example.com" in address for address in addresses)
    assert "http://" not in text


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_template_lets_the_requester_choose_the_server_of_a_call(file: Path) -> None:
    workflow = workflowfile.load(file.read_bytes(), kinds=all_step_types())
    assert [name for name, field in workflow.inputs.items() if field.type == "url"] == []
    calls = [
        template
        for step in workflow.steps
        for path, template in step.params.templates
        if path[0] in step.kind.address_params
    ]
    assert [template.source for template in calls if describe_server_source(template) is not None] == []


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedProvider]:
    """Run a provider of language models with the recorded answers of the templates, and set it up."""
    with open_threaded_provider([*recorded("outreach"), *recorded("transcript"), *recorded("publish")]) as provider:
        monkeypatch.setenv("SIGNOFF_AI_URL", provider.service.url)
        monkeypatch.setenv("SIGNOFF_AI_KEY", KEY)
        monkeypatch.setenv("SIGNOFF_AI_MODEL", MODEL)
        yield provider


# -- outreach -----------------------------------------------------------------------------------------------

OUTREACH = {"prospect": "P-1001", "to": "nora@example.com"}


def test_an_approved_draft_is_sent_as_the_model_wrote_it(terminal: Terminal, writer: ThreadedProvider) -> None:
    result = terminal.try_("outreach.yaml", OUTREACH, "approve")
    assert result.code == Exit.DONE, result
    shown = " ".join(result.out.split())
    assert "Send the first email to Harbour Bakery?" in shown
    assert "Drafted by local-writer." in shown
    assert "Why The notes say that the sign has faded" in shown
    assert "Made from The notes about P-1001 in the CRM" in shown
    assert "If approved nora@example.com gets this email." in shown
    assert "Confidence high" in shown
    assert "An email to nora@example.com, which a trial does not send:" in shown
    assert "Subject: A new sign for Harbour Bakery?" in shown
    (call,) = writer.service.calls
    assert "What we know: The sign has faded." in call["messages"][-1]["content"]


def test_a_corrected_draft_is_sent_as_corrected(terminal: Terminal, writer: ThreadedProvider) -> None:
    result = terminal.try_("outreach.yaml", OUTREACH, 'edit:{"subject": "Your sign"}')
    assert result.code == Exit.DONE, result
    assert "Subject: Your sign" in result.out


def test_a_rejected_draft_is_not_sent(terminal: Terminal, writer: ThreadedProvider) -> None:
    result = terminal.try_("outreach.yaml", OUTREACH, "reject:too pushy")
    assert result.code == Exit.NO
    assert "An email to" not in result.out


def test_without_a_model_the_trial_says_what_to_set(terminal: Terminal) -> None:
    result = terminal.try_("outreach.yaml", OUTREACH, "approve")
    assert result.code != Exit.DONE
    assert "SIGNOFF_AI_KEY" in " ".join(result.err.split())
    checked = terminal.signoff("check", "outreach.yaml")
    assert (checked.code, " ".join(checked.out.split())) == (Exit.DONE, passed("outreach.yaml"))
    assert "Note: outreach.yaml: The step draft (`ai`) cannot run here." in " ".join(checked.err.split())


# -- transcript ---------------------------------------------------------------------------------------------

CALL = {"company": "Harbour Bakery", "transcript": "We would take twelve seats from January."}


def test_a_company_is_updated_with_what_a_person_confirmed(
    terminal: Terminal, services: FakeServices, writer: ThreadedProvider
) -> None:
    result = terminal.try_("transcript.yaml", CALL, 'edit:{"stage": "customer"}')
    assert result.code == Exit.DONE, result
    update, issue = services.writes
    assert (update.method, update.path) == ("PUT", "/companies/Harbour%20Bakery")
    assert (update.body["stage"], update.body["budget"]) == ("customer", {"amount": "4800", "currency": "EUR"})
    assert (issue.method, issue.path) == ("POST", "/issues")
    assert issue.body == {"title": "Send the offer for twelve seats"}


def test_no_follow_up_is_opened_where_none_was_agreed(
    terminal: Terminal, services: FakeServices, writer: ThreadedProvider
) -> None:
    result = terminal.try_("transcript.yaml", CALL, 'edit:{"follow_up": null}')
    assert result.code == Exit.DONE, result
    assert [call.path for call in services.writes] == ["/companies/Harbour%20Bakery"]


# -- roles --------------------------------------------------------------------------------------------------


def test_without_a_roles_file_made_up_people_stand_for_each_role(terminal: Terminal, services: FakeServices) -> None:
    payment = {"vendor": "Paper", "iban": "DE02120300000000202051", "amount": "9000", "due": "2026-12-31"}
    result = terminal.try_("payment.yaml", payment)
    assert result.code == Exit.WAITING
    assert services.calls == []
    result = terminal.try_("payment.yaml", payment, "approve")
    assert result.code == Exit.DONE
    shown = " ".join(result.out.replace("│", " ").split())
    assert (
        "There is no roles file here (SIGNOFF_ROLES). In this trial, two made-up people stand for each role." in shown
    )
    assert "Finance 1 approved, " in shown
    assert "Waiting for Finance 2, Directors 1 or Directors 2." in shown
    assert [call.path for call in services.writes] == ["/transfers"]


def test_a_post_is_written_again_with_what_the_editor_asked_for(
    terminal: Terminal, services: FakeServices, writer: ThreadedProvider
) -> None:
    post = {"topic": "Our new studio", "facts": "It opens on 2 May.", "day": "2026-05-02"}
    result = terminal.try_("publish.yaml", post, "revise:Say where it is", "approve")
    assert result.code == Exit.DONE, result
    (published,) = services.writes
    assert published.body["headline"] == "Our new studio at the harbour opens in May"


# -- expense ------------------------------------------------------------------------------------------------

EXPENSE = {"what": "Train to Bonn", "amount": "84.50", "spent_on": "2026-03-02"}


def test_an_approved_expense_is_recorded_as_it_was_reported(terminal: Terminal, services: FakeServices) -> None:
    result = terminal.try_("expense.yaml", EXPENSE, "approve")
    assert result.code == Exit.DONE
    assert "02 Mar 2026: 84.50 EUR for Train to Bonn" in result.out
    assert "Corrected  no" in result.out
    assert services.calls == []


def test_a_corrected_expense_is_recorded_as_corrected(terminal: Terminal) -> None:
    result = terminal.try_("expense.yaml", EXPENSE, 'edit:{"amount": 70, "category": "other"}')
    assert result.code == Exit.DONE
    assert "02 Mar 2026: 70 EUR for Train to Bonn" in result.out
    assert "Corrected  yes" in result.out


def test_a_rejected_expense_is_not_recorded(terminal: Terminal) -> None:
    result = terminal.try_("expense.yaml", EXPENSE, "reject:no receipt")
    assert result.code == Exit.NO
    assert "no receipt" in result.out
    assert "record:" not in result.out


def test_an_expense_cannot_be_corrected_to_something_that_is_no_amount(terminal: Terminal) -> None:
    result = terminal.try_("expense.yaml", EXPENSE, "edit:amount=plenty")
    assert result.code == Exit.USAGE
    assert "amount" in result.err


# -- access -------------------------------------------------------------------------------------------------

ACCESS = {"system": "billing", "why": "Month end", "lead": "lee@example.com"}


def test_access_that_is_not_granted_sends_no_message(terminal: Terminal) -> None:
    result = terminal.try_("access.yaml", ACCESS, "reject:ask again in May")
    assert result.code == Exit.NO
    assert "A message to" not in result.out


# -- refund -------------------------------------------------------------------------------------------------


def refund(amount: str, **more: str) -> dict[str, str]:
    return {"order": "A-1001", "amount": amount, "reason": "Arrived broken", **more}


def test_a_small_refund_is_paid_without_asking(terminal: Terminal, services: FakeServices) -> None:
    result = terminal.try_("refund.yaml", refund("100"))
    assert result.code == Exit.DONE
    (paid,) = services.calls
    assert (paid.method, paid.path) == ("POST", "/refunds")
    assert paid.body == {
        "order": "A-1001",
        "amount": {"amount": "100", "currency": "EUR"},
        "note": "Arrived broken",
    }
    assert paid.headers["idempotency-key"].endswith(":pay:1")


def test_a_large_refund_waits_for_an_approver(terminal: Terminal, services: FakeServices) -> None:
    result = terminal.try_("refund.yaml", refund("100.01"))
    assert result.code == Exit.WAITING
    assert "Over 100 EUR" in result.out
    assert services.calls == []


def test_any_refund_for_a_vip_waits_for_an_approver(terminal: Terminal, services: FakeServices) -> None:
    result = terminal.try_("refund.yaml", refund("0.01", vip="yes"))
    assert result.code == Exit.WAITING
    assert "For a VIP" in result.out
    assert services.calls == []
    result = terminal.try_("refund.yaml", refund("0.01", vip="yes"), "approve")
    assert result.code == Exit.DONE
    (paid,) = services.calls
    assert paid.body["amount"] == {"amount": "0.01", "currency": "EUR"}


def test_an_approved_refund_is_paid_once(terminal: Terminal, services: FakeServices) -> None:
    result = terminal.try_("refund.yaml", refund("120"), "approve")
    assert result.code == Exit.DONE
    (paid,) = services.calls
    assert paid.body["amount"] == {"amount": "120", "currency": "EUR"}


def test_an_edited_refund_is_paid_as_edited(terminal: Terminal, services: FakeServices) -> None:
    result = terminal.try_("refund.yaml", refund("120"), "edit:json.amount=80.50")
    assert result.code == Exit.DONE
    (paid,) = services.calls
    assert paid.body["amount"] == {"amount": "80.50", "currency": "EUR"}
    assert paid.body["note"] == "Arrived broken"


def test_a_rejected_refund_is_not_paid(terminal: Terminal, services: FakeServices) -> None:
    result = terminal.try_("refund.yaml", refund("120"), "reject:bought elsewhere")
    assert result.code == Exit.NO
    assert services.calls == []


# -- deploy -------------------------------------------------------------------------------------------------


def deploy() -> dict[str, str]:
    return {
        "version": "1.4.0",
        "changes": "Faster search",
        "settle": "1s",
    }


def test_an_approved_deployment_sends_the_secret_and_never_shows_it(terminal: Terminal, services: FakeServices) -> None:
    result = terminal.try_("deploy.yaml", deploy(), "approve")
    assert result.code == Exit.DONE
    begun, looked = services.calls
    assert begun.headers["authorization"] == f"Bearer {TOKEN}"
    assert begun.body == {"version": "1.4.0", "environment": "production"}
    assert looked.path == "/health"
    assert "secret DEPLOY_TOKEN" in result.out
    assert TOKEN not in result.out + result.err


def test_an_ill_service_is_asked_about_and_the_version_is_taken_back(
    terminal: Terminal, services: FakeServices
) -> None:
    services.health = 503
    result = terminal.try_("deploy.yaml", deploy(), "approve", "approve")
    assert result.code == Exit.DONE
    assert "The health page answers 503. Go back from 1.4.0?" in result.out
    assert [call.path for call in services.writes] == ["/deployments", "/rollbacks"]
    assert "the version before" in result.out


def test_an_ill_service_is_kept_if_a_person_says_so(terminal: Terminal, services: FakeServices) -> None:
    services.health = 503
    kept = terminal.try_("deploy.yaml", deploy(), "approve", "reject:a known fault")
    assert (kept.code, [call.path for call in services.writes]) == (Exit.DONE, ["/deployments"])
    assert "Runs  1.4.0" in kept.out


def test_a_deployment_has_nothing_to_edit(terminal: Terminal, services: FakeServices) -> None:
    result = terminal.try_("deploy.yaml", deploy(), "edit:json.version=2.0.0")
    assert result.code == Exit.NO
    assert "Version cannot be changed, and neither can anything else in this request." in result.err
    assert services.calls == []


def test_a_rejected_deployment_does_not_begin(terminal: Terminal, services: FakeServices) -> None:
    result = terminal.try_("deploy.yaml", deploy(), "reject:frozen until Monday")
    assert result.code == Exit.NO
    assert services.calls == []


# -- data export --------------------------------------------------------------------------------------------


def export() -> dict[str, str]:
    return {
        "query": "town:Bonn & more",
        "purpose": "Yearly statistics",
        "delay": "1s",
    }


def test_approved_records_are_sent_as_they_were_collected(terminal: Terminal, services: FakeServices) -> None:
    result = terminal.try_("data-export.yaml", export(), "approve")
    assert result.code == Exit.DONE
    assert "Send 2 records to a partner?" in result.out
    (body,) = services.writes
    assert (body.path, body.body) == ("/inbox", {"records": RECORDS})


def test_records_that_the_reviewer_struck_are_not_sent(terminal: Terminal, services: FakeServices) -> None:
    result = terminal.try_("data-export.yaml", export(), f"edit:body.records={json.dumps(RECORDS[1:])}")
    assert result.code == Exit.DONE
    (body,) = services.writes
    assert body.body == {"records": RECORDS[1:]}


def test_rejected_records_stay_where_they_are(terminal: Terminal, services: FakeServices) -> None:
    result = terminal.try_("data-export.yaml", export(), "reject:no contract")
    assert result.code == Exit.NO
    assert [call.method for call in services.calls] == ["GET"]
    assert services.writes == []


# -- approvals ----------------------------------------------------------------------------------------------

TOOL_CALL: dict[str, object] = {
    "title": "Refund 250 EUR for order A-1007",
    "tool": "refund",
    "arguments": {"amount": 250, "order": "A-1007"},
    "editable": True,
    "use": "once",
}


def try_call(terminal: Terminal, *answers: str, **changes: object) -> CommandResult:
    """Try what an agent would ask."""
    Path("approvals.yaml").write_text(terminal.local("approvals.yaml"), encoding="utf-8")
    Path("call.json").write_text(json.dumps({**TOOL_CALL, **changes}), encoding="utf-8")
    options = [part for answer in answers for part in ("--answer", answer)]
    return terminal.signoff("try", "approvals.yaml", "--ask", "call.json", *options)


def test_a_large_refund_of_an_agent_asks_finance(terminal: Terminal) -> None:
    result = try_call(terminal, "edit:amount=200", agent="Support agent")
    assert result.code == Exit.DONE, result.err
    assert "Support agent wants to refund 250 EUR" in result.out
    assert "Support agent (API key) asks to call “refund”." in result.out
    assert "Rule 3: Large refund applies." in result.out
    assert "Answering as finance@example.com." in result.out
    assert re.search(r"Amount +200", result.out)


def test_a_rejected_call_is_not_made(terminal: Terminal) -> None:
    result = try_call(terminal, "reject:Too much")
    assert result.code == Exit.NO
    assert "The run ended because the request was rejected." in result.out
    assert "used the approval" not in result.out


def test_a_small_refund_and_a_search_ask_no_one(terminal: Terminal) -> None:
    changes: list[dict[str, object]] = [{"arguments": {"amount": 20}}, {"tool": "search_orders"}]
    for changed in changes:
        result = try_call(terminal, **changed)
        assert result.code == Exit.DONE, result.err
        assert "The approval can be used once" in result.out
        assert "can decide" not in result.out


def test_a_very_large_refund_needs_everyone_who_is_asked(terminal: Terminal) -> None:
    result = try_call(terminal, "approve", arguments={"order": "A-1007", "amount": 2500})
    assert "Risk High: impact 2500 (over 1000)." in " ".join(result.out.split())
    assert "Answering as finance@example.com (1 of 2)." in result.out
    assert "(2 of 2)" in result.out


def test_a_refund_without_an_amount_needs_everyone_too(terminal: Terminal) -> None:
    result = try_call(terminal, "approve", arguments={"order": "A-1007"})
    assert "Answering as finance@example.com (1 of 2)." in result.out
    assert "Signoff could not tell whether rule 3 (Large refund) applies, so it does." in " ".join(result.out.split())


def test_a_tool_for_people_only_is_refused_at_once(terminal: Terminal) -> None:
    result = try_call(terminal, tool="drop_table")
    assert result.code == Exit.NO
    assert "The workflow refused this: This is done by people only. Ask the team to do it." in result.out


def test_a_risky_message_needs_two_people(terminal: Terminal) -> None:
    result = try_call(terminal, "approve", tool="send_newsletter", risk="high", arguments={})
    assert "(2 of 2)" in result.out
    assert "Risk, says Trial" in result.out


def test_any_other_tool_asks_the_owner(terminal: Terminal) -> None:
    result = try_call(terminal, "approve", tool="open_door", arguments={})
    assert "Rule 6: all other asks applies." in result.out
    assert result.code == Exit.DONE, result.err


@pytest.mark.parametrize(
    ("arguments", "content", "sentence"),
    [
        (["--ask", "call.json"], "{}", "--ask is not as this call needs it. “title” is required."),
        (["--ask", "call.json"], "[", "--ask cannot be read as JSON"),
        (["--ask", "none.json"], "{}", "--ask is neither JSON nor a file: none.json cannot be read."),
        ([], "{}", "a trial needs one. Add --ask"),
    ],
)
def test_an_ask_that_cannot_be_tried_is_refused_with_a_sentence(
    terminal: Terminal, arguments: list[str], content: str, sentence: str
) -> None:
    Path("approvals.yaml").write_text(terminal.local("approvals.yaml"), encoding="utf-8")
    Path("call.json").write_text(content, encoding="utf-8")
    result = terminal.signoff("try", "approvals.yaml", *arguments)
    assert result.code == Exit.USAGE
    assert sentence in result.err


def test_the_examples_of_the_rules_hold_and_notice_a_weaker_rule(terminal: Terminal) -> None:
    source = terminal.local("approvals.yaml")
    file = Path("approvals.yaml")
    file.write_text(source, encoding="utf-8")
    assert terminal.signoff("check", "approvals.yaml", "--examples").out.startswith("No problems.")
    weaker = source.replace("amount > 100", "amount > 1000")
    assert weaker != source
    file.write_text(weaker, encoding="utf-8")
    checked = terminal.signoff("check", "approvals.yaml", "--examples")
    assert checked.code == Exit.NO
    assert "Example “A large refund asks finance, who may correct the amount”: It asked no one" in checked.output


def test_a_workflow_of_people_takes_no_ask(terminal: Terminal) -> None:
    Path("refund.yaml").write_text(terminal.local("refund.yaml"), encoding="utf-8")
    Path("call.json").write_text(json.dumps(TOOL_CALL), encoding="utf-8")
    result = terminal.signoff("try", "refund.yaml", "--ask", "call.json")
    assert result.code == Exit.USAGE
    assert "This workflow takes no asks" in result.err
