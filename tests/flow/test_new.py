"""`signoff new`: from the gallery to a file or a registered workflow, at a terminal and without one."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot import gallery
from bot.gallery import QuestionType
from tests.support.processes import Installation, create_installation
from tests.support.terminals import terminal

ADDRESS = ("--answer", "address=https://pay.example.com/")


@pytest.fixture
def here(tmp_path: Path) -> Installation:
    return create_installation(tmp_path)


def test_the_gallery_is_listed_with_what_each_is_for(here: Installation) -> None:
    listed = here.run("new")
    assert listed.code == 0
    for template in gallery.load().templates:
        assert f"{template.name} {template.purpose}" in listed.output
    assert [entry["template"] for entry in here.run("new", "--json").json] == [
        template.name for template in gallery.load().templates
    ]


def test_a_script_gives_the_answers_and_gets_the_file(here: Installation) -> None:
    answers = (*ADDRESS, "--answer", "limit=250", "--answer", "approvers=role:finance, ada@example.com")
    made = here.run("new", "refund", *answers)
    assert made.code == 0, made.output
    assert "To start it, you enter: Order number (text), Amount (amount in EUR)" in made.output
    calls = "1. Pay the refund Calls POST https://pay.example.com/."
    assert f"{calls} If “Amount” is above 250 EUR or “VIP” is yes, it first needs approval by" in made.output
    assert "signoff register refund.yaml" in made.output
    pay = yaml.safe_load((here.folder / "refund.yaml").read_text())["steps"][0]
    assert pay["gate"]["approvers"] == ["role:finance", "ada@example.com"]
    assert pay["with"]["url"].startswith("https://pay.example.com")
    assert here.run("check", "refund.yaml").code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("refund",), "--answer address=… This answer is missing."),
        (("refund", *ADDRESS, "--answer", "limit=much"), "--answer limit=…"),
        (("refund", *ADDRESS, "--answer", "{{=1", "--answer", "title={{ 1 }}"), "has no question {{"),
        (("refund", *ADDRESS, "--answer", "title={{ 1 }}"), "--answer title=…"),
        (("refund", *ADDRESS, "--answer", "colour=red"), "refund has no question colour. It has name, title,"),
        (("refnud",), "The gallery has no refnud. It has expense, refund,"),
        (("refund", "--register", "--output", "a.yaml"), "--register writes no file."),
        (("refund", *ADDRESS, "--output", "none/a.yaml"), "cannot be written: No such file"),
    ],
)
def test_what_cannot_be_made_leaves_no_file(here: Installation, arguments: tuple[str, ...], says: str) -> None:
    refused = here.run("new", *arguments)
    assert refused.code == 2
    assert says in refused.output
    assert list(here.folder.glob("*.yaml")) == []


def test_a_file_that_exists_stays(here: Installation) -> None:
    mine = here.write("expense.yaml", "mine")
    refused = here.run("new", "expense")
    assert refused.code == 2
    assert "expense.yaml exists already, and stays." in refused.output
    assert mine.read_text() == "mine"
    made = here.run("new", "expense", "--output", "our expenses.yaml", "--json")
    assert made.json == {"workflow": "expense", "file": "our expenses.yaml"}


def test_it_is_registered_at_once_and_the_next_one_gets_a_free_name(here: Installation) -> None:
    first = here.run("new", "expense", "--register", "--json")
    assert (first.json["workflow"], first.json["version"]) == ("expense", 1)
    assert here.run("new", "expense", "--register", "--json").json["workflow"] == "expense-2"
    taken = here.run("new", "expense", "--register", "--answer", "name=expense")
    assert taken.code == 2
    assert "There is a workflow expense already." in taken.output
    assert not (here.folder / "expense.yaml").exists()


def test_a_person_chooses_answers_and_is_asked_again(here: Installation) -> None:
    with terminal(here, "new") as person:
        person.see("Which one")
        person.type("refund")
        for question, answer in (
            ("called in commands", "pay-back"),
            ("called for people", ""),
            ("pays the refund", "pay"),
        ):
            person.see(question)
            person.type(answer)
        person.see("pays the refund")  # the address was wrong
        person.type("https://pay.example.com/")
        person.see("which currency")
        person.type("USD")
        person.see("Above what amount")
        person.type("70")
        person.see("Who approves it?")
        person.type("")
        person.see("How long may they take?")
        person.type("two days")
        person.see("How long may they take?")
        person.type("2 days")
        person.see("“Amount” is above 70 USD")
        person.see("Register it now?")
        person.type("n")
        person.see("Written to pay-back.yaml.")
        assert person.end() == 0
    assert here.run("check", "pay-back.yaml").code == 0


def test_ctrl_c_leaves_nothing(here: Installation) -> None:
    with terminal(here, "new", "refund") as person:
        person.see("called in commands")
        assert person.interrupt() == 130
    assert list(here.folder.glob("*.yaml")) == []


def team(name: str) -> str:
    """Return three people who are asked by no other question."""
    return ", ".join(f"{name}-{number}@example.com" for number in range(3))


@pytest.mark.parametrize("template", [template.name for template in gallery.load().templates])
def test_every_template_is_made_from_its_defaults_and_addresses(here: Installation, template: str) -> None:
    found = gallery.load().find(template)
    assert found is not None
    samples = {"url": "https://api.example.com/", "channel": "#approvals", "email": "a@example.com", "text": "Text"}
    answers = [
        f"--answer={question.name}="
        f"{team(question.name) if question.type is QuestionType.PEOPLE else samples[question.type]}"
        for question in found.questions
        if question.type is QuestionType.PEOPLE or (question.required and question.default is None)
    ]
    made = here.run("new", template, *answers)
    assert made.code == 0, made.output
    assert "1. " in made.output
