"""One parser reads references to people, so that check, run, field and setting agree on each text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.settings import Settings
from engine import fields, json_values, references, workflowfile
from engine.domain import Address, Person, accounts
from engine.errors import DefinitionError, InvalidValue
from engine.fields import Field
from engine.json_values import Value
from engine.references import Reference, parse
from engine.requests import is_account
from engine.workflowfile.scalars import EXPRESSION, has_expression, person_kind
from tests.support.run_in_memory import KINDS, RunInMemory

ROOT = Path(__file__).parents[3]
PERSON = Field.model_validate("person")

_IDS = st.from_regex(r"[UWCGBT][A-Z0-9]{0,32}", fullmatch=True)
_PIECES = st.sampled_from(
    [
        *(
            "owner",
            "requester",
            "Owner",
            "group:",
            "role:",
            "@",
            "<@",
            ">",
            "|",
            "U012AB3CD",
            "U12",
            "U1",
            "W0ABCDEF12",
        ),
        *("lee", "lee@example.com", "LEE@Example.com", "example.com", "finance-approvers", "sales.eu", "C012AB3CD"),
        *("U1", "#", " ", "\n", ",", ".", "-", "_", "é", "x" * 90, "USA", "u012ab3cd", "\u2003"),
    ]
)
TEXTS = st.one_of(
    _IDS,
    _IDS.map(lambda item: f"<@{item}>"),
    _IDS.map(lambda item: f"<@{item}|Lee Ann>"),
    st.from_regex(r"(group|role):@?[\w.-]{0,82}", fullmatch=True),
    st.emails(),
    st.lists(_PIECES, max_size=4).map("".join),
    st.text(max_size=40),
)


# -- parsing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "value"),
    [
        ("owner", "owner", "owner"),
        ("requester", "requester", "requester"),
        ("U012AB3CD", "slack", "U012AB3CD"),
        ("U123", "slack", "U123"),
        ("<@W012AB3CD>", "slack", "W012AB3CD"),
        ("<@U012AB3CD|lee>", "slack", "U012AB3CD"),
        ("<@U012AB3CD|Lee Ann>", "slack", "U012AB3CD"),
        ("group:finance-approvers", "group", "finance-approvers"),
        ("group:@Finance", "group", "finance"),
        ("role:sales", "role", "sales"),
        ("Lee@Example.com", "email", "lee@example.com"),
    ],
)
def test_a_reference_has_a_kind_a_value_and_the_rule_that_it_was_written_as(name: str, kind: str, value: str) -> None:
    assert parse(name, rule="the rule") == Reference(kind, value, "the rule")
    assert parse(name) == Reference(kind, value, name)


@pytest.mark.parametrize(
    "name",
    [
        *(None, 7, True, {"email": "lee@example.com"}, "", "nobody", " owner", "OWNER", "group:", "group:the sales"),
        *("@lee", "a@b@c", "<@nobody>", "<@U012AB3CD", "<#C012AB3CD>", "C012AB3CD", "#sales", "U1", "u012ab3cd"),
        "U012AB3CD\n",
    ],
)
def test_a_text_that_names_no_person_is_no_reference(name: Value) -> None:
    assert parse(name) is None


def test_a_reference_says_what_it_can_be_used_for() -> None:
    owner, group = Reference("owner", "owner", "rule"), Reference("group", "sales", "rule")
    account, email = Reference("slack", "U012AB3CD", "rule"), Reference("email", "lee@example.com", "rule")
    assert [item.is_keyword for item in (owner, group, account, email)] == [True, False, False, False]
    assert [item.is_address for item in (owner, group, account, email)] == [False, False, True, True]
    assert account.address == Address("slack", "U012AB3CD")
    role = Reference("role", "finance", "rule")
    assert [item.has_members for item in (owner, email, group, role)] == [False, False, True, True]
    assert group.as_members == group.as_checked == Reference("members", "sales", "rule")
    assert role.as_members == Reference("role members", "finance", "rule")
    assert role.as_checked == Reference("role entries", "finance", "rule")
    assert email.as_members == email.as_checked == email
    assert [item.is_members for item in (group, group.as_members, role, role.as_members)] == [False, True, False, True]


# -- check, run, field and setting agree --------------------------------------------------------------------


@given(TEXTS)
@example("U123")
@example("<@U123>")
@example("<@U012AB3CD|Lee Ann>")
@example("role:sales")
@example("group:@Finance")
def test_the_check_of_a_file_and_a_run_read_a_reference_alike(text: str) -> None:
    """A run asks each reference that the check accepts, as the same kind, and none that the check refuses."""
    text = text.strip()
    if has_expression(text):
        assert person_kind(text) == EXPRESSION
        return
    reference = parse(text)
    steps = (
        f"- {{id: words, uses: set, with: {{text: a}}, gate: {{approvers: [{json.dumps(text, ensure_ascii=False)}]}}}}"
    )
    if reference is None or not text.isprintable():
        # The check also refuses invisible characters, so a run never gets them.
        with pytest.raises(DefinitionError):
            RunInMemory.of(steps)
        return
    run = RunInMemory.of(steps)
    run.proceed()
    assert run.opening.notes == ()
    (run_reference,) = run.opening.references
    assert (run_reference.kind, run_reference.value) == (reference.kind, reference.value)
    assert person_kind(text) == run_reference.kind


@given(TEXTS)
def test_a_field_of_type_person_takes_exactly_the_addresses_that_name_one_person(text: str) -> None:
    reference = parse(text)
    try:
        value = fields.validate(PERSON, text)
    except InvalidValue:
        assert reference is None or not reference.is_address
        return
    assert reference is not None
    assert reference.is_address
    assert str(value).lower() == reference.value.lower()
    assert is_account(value) == (reference.kind in accounts.NAMES)


@given(TEXTS)
def test_a_text_from_data_is_asked_if_it_is_an_address_and_else_noted(text: str) -> None:
    run = RunInMemory.of(
        "- {id: words, uses: set, with: {text: a}, gate: {approvers: ['{{ inputs.any }}']}}", any=[text]
    )
    run.proceed()
    reference = parse(text)
    expected = [] if reference is None or not reference.is_address else [(reference.kind, reference.value)]
    assert [(item.kind, item.value) for item in run.opening.references] == expected
    assert (json_values.dumps(text)[:100] in run.opening.notes[0]) == (not expected)


@pytest.mark.parametrize("name", ["U123", "lee@example.com", "group:sales", "role:sales", "owner", "nobody"])
def test_builders_are_named_by_address_or_group(name: str) -> None:
    reference = parse(name)
    if reference is not None and not reference.is_keyword:
        assert Settings(builders=(name,)).builders == (name,)
        return
    with pytest.raises(ValidationError, match="is not an email address, Slack user id, group:handle or role:name"):
        Settings(builders=(name,))


@pytest.mark.parametrize("name", ["<@U12>", "<@U012AB3CD|lee>", "UABCDEF", "group:@Finance", "Lee@Example.com"])
def test_a_file_that_was_registered_before_still_loads(name: str) -> None:
    """Earlier versions accepted these references."""
    source = (
        f"name: pay\nowner: lee@example.com\nmay_run: [{json.dumps(name)}]\n"
        f"steps:\n  - {{id: pay, uses: set, with: {{a: 1}}, gate: {{approvers: {json.dumps(name)}}}}}\n"
    )
    workflow = workflowfile.load(source.encode(), kinds=KINDS, registered=True)
    assert all(parse(item) is not None for item in workflow.may_run)


# -- account kinds ------------------------------------------------------------------------------------------


def test_each_id_belongs_to_one_kind_of_account() -> None:
    assert [len([item for item in accounts.KINDS if item.person_id(kind.example)]) for kind in accounts.KINDS] == [1]
    assert all(
        accounts.parse_account(kind.example) == accounts.Account(kind.name, kind.example) for kind in accounts.KINDS
    )
    assert {"email", *(kind.name for kind in accounts.KINDS)} == references.ADDRESSES


def test_a_person_without_a_name_is_shown_with_the_kind_of_the_account() -> None:
    assert Person("p1", "", (Address("slack", "U012AB3CD"),)).label == "Slack user U012AB3CD"
    assert accounts.person_label("pager", "7") == "pager 7"


def test_no_other_module_has_a_pattern_of_account_ids() -> None:
    """The sandbox is an exception, because it creates ids like Slack."""
    sources = [path for folder in ("engine", "bot") for path in (ROOT / folder).rglob("*.py")]
    pattern = re.compile(r"\[UW\]|\[CG\]|<@|<#")
    modules = {str(path.relative_to(ROOT)) for path in sources if pattern.search(path.read_text(encoding="utf-8"))}
    assert {name for name in modules if "sandbox" not in name} == {"engine/domain/accounts.py"}


@pytest.mark.parametrize(
    ("text", "channel"),
    [
        ("C012AB3CD", "C012AB3CD"),
        ("<#G012AB3CD|sales>", "G012AB3CD"),
        ("#sales", None),
        ("U012AB3CD", None),
        ("", None),
    ],
)
def test_a_channel_is_recognized_by_its_id(text: str, channel: str | None) -> None:
    assert accounts.SLACK.channel_id(text) == channel
    assert accounts.SLACK.is_channel_name(text) == text.startswith("#")


@given(st.text(st.sampled_from("UW09AZ @.|<>_"), max_size=60))
def test_only_the_ids_in_a_text_are_replaced(text: str) -> None:
    ids = accounts.ids_in(text)
    assert accounts.replace_ids(text, lambda item: item) == text
    assert accounts.replace_ids(text, lambda _: "Lee").count("Lee") == len(ids)
    assert all(accounts.is_account_id(item) for item in ids)
