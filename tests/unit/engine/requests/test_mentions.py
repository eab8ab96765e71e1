"""Accounts in values and texts: found where they stand for a person, and nowhere else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.domain import Person
from engine.fields import Field
from engine.json_values import Value
from engine.requests import Editable, by_name, is_account, mentioned
from engine.requests.mentions import MAX_MENTIONED

PERSON = Editable(("who",), Field.model_validate("person"))
TEXT = Editable(("note",), Field.model_validate("text"))


def test_an_account_is_found_in_a_person_and_in_texts_and_once() -> None:
    content: dict[str, Value] = {"who": "U012AB3CD", "note": "U999999999"}
    accounts = mentioned(content, [PERSON, TEXT], ["May U012AB3CD come in?", "with W0ABCDEF12", "and U0ABCDEF34."])
    assert accounts == ("U012AB3CD", "W0ABCDEF12", "U0ABCDEF34")


def test_other_texts_are_no_accounts() -> None:
    texts = ["WAREHOUSES", "xU012AB3CD", "u012ab3cd", "@U012AB3CD", "U012AB3CD_x", "U1", "UNITEDSTATES"]
    assert mentioned({"note": "ada@example.com"}, [TEXT], [*texts, "ada@example.com"]) == ()
    assert mentioned({"who": None}, [PERSON], []) == ()
    assert not is_account(["U012AB3CD"])


def test_the_number_of_looked_up_accounts_is_limited() -> None:
    text = " ".join(f"U{number:09d}" for number in range(MAX_MENTIONED * 2))
    assert len(mentioned({}, [], [text])) == MAX_MENTIONED


def test_known_accounts_are_shown_by_name_and_others_unchanged() -> None:
    people = {"U012AB3CD": Person("p1", "Ada")}
    assert by_name("U012AB3CD asks U0ABCDEF34", people) == "Ada asks U0ABCDEF34"
    assert by_name("U012AB3CD", {}) == "U012AB3CD"


def test_an_email_address_is_found_in_a_person_and_shown_by_name_alone() -> None:
    assert mentioned({"who": "ada@example.com", "note": "U1"}, [PERSON, TEXT], []) == ("ada@example.com",)
    people = {"ada@example.com": Person("p1", "Ada"), "b.ada@example.com": Person("p2", "Bo (x)\\1")}
    text = "ada@example.com, (b.ada@example.com) and ada@example.com."
    assert by_name(text, people) == "Ada, (Bo (x)\\1) and Ada."
    for other in (
        "xada@example.com",
        "c.ada@example.com",
        "ada@example.com.org",
        "ada@example.community",
        "a+ada@example.com",
    ):
        assert by_name(other, people) == other


@given(st.text(max_size=200))
def test_a_text_that_names_no_account_stays_as_it_is(text: str) -> None:
    assert by_name(text, {"U012AB3CD": Person("p1", "Ada")}).replace("Ada", "U012AB3CD") == text.replace(
        "Ada", "U012AB3CD"
    )
