"""The roles file: what it may say, and the sentence for each mistake."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.roles import file
from bot.roles.model import PersonEntry
from engine.domain import Address
from engine.errors import DefinitionError
from engine.references import Reference

LEE, LEE_KIM = Address("email", "lee@example.com"), Address("email", "lee.kim@example.org")
ACCOUNT = Address("slack", "U012AB3CD")


def problems(text: str) -> list[str]:
    with pytest.raises(DefinitionError) as raised:
        file.read(text.encode())
    return [problem.sentence("roles.yaml") for problem in raised.value.problems]


def test_a_file_has_roles_and_people() -> None:
    roles = file.read(
        b"roles:\n"
        b"  Finance: [Lee@example.com, 'group:finance', U012AB3CD]\n"
        b"  board: [kim@example.com, 'role:finance', kim@example.com]\n"
        b"people:\n"
        b"- {name: Lee Kim, addresses: [Lee@Example.com, lee.kim@example.org, <@U012AB3CD>], timezone: Europe/Berlin}\n"
        b"- {name: Ann, addresses: [ann@example.com]}\n",
        file="roles.yaml",
    )
    finance = (
        Reference("email", "lee@example.com", "Lee@example.com"),
        Reference("group", "finance", "group:finance"),
        Reference("slack", "U012AB3CD", "U012AB3CD"),
    )
    assert roles.members == {
        "finance": finance,
        "board": (Reference("email", "kim@example.com", "kim@example.com"), *finance),
    }
    lee, ann = roles.people
    assert lee == PersonEntry("Lee Kim", (LEE, LEE_KIM, ACCOUNT), "Europe/Berlin")
    assert (ann.name, ann.zone) == ("Ann", None)
    assert [reference.value for reference in lee.references] == ["U012AB3CD", "lee@example.com", "lee.kim@example.org"]
    assert roles.entry([Address("email", "unknown@example.com"), LEE_KIM]) is lee
    assert roles.entry([Address("email", "unknown@example.com")]) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "roles.yaml:1:1: The file is empty. It needs `roles`, `people` or both."),
        ("- a", "roles.yaml:1:1: This must be a mapping with `roles`, `people` and `limits`."),
        ("roles: {a: [b@c.de]}\n---\n", "roles.yaml:2:1: A file holds one list of roles and people; put what follows"),
        ("roles:", "roles.yaml:1:7: roles: This must be a mapping, like `finance: [lee@example.com]`."),
        ("role: {}", "roles.yaml:1:1: role: There is no key `role`. Did you mean `roles`?"),
        ("roles: {a b: [c@d.de]}", "roles.yaml:1:9: roles.a b: `a b` cannot be the name of a role."),
        ("roles: {a: [c@d.de], A: [c@d.de]}", "roles.A: This is the same role as `a`; keep one."),
        ("roles: {a: c@d.de}", "roles.yaml:1:12: roles.a: This must be a list, like [lee@example.com]."),
        ("roles: {a: []}", "roles.yaml:1:9: roles.a: This role has no members."),
        ("roles: {a: [7]}", "roles.yaml:1:13: roles.a[0]: This must be text: write an address here."),
        ("roles: {a: [bob]}", "roles.a[0]: `bob` is not a member of a role: write an email address, a Slack user id,"),
        ("roles: {a: [owner]}", "roles.a[0]: `owner` is known only in a run. Write it in the workflow file."),
        ("roles: {a: ['role:b'], bb: [c@d.de]}", "roles.a[0]: There is no role `b` in this file. Did you mean `bb`?"),
        ("roles: {a: ['role:A']}", "roles.a[0]: The role `a` names itself. Remove this member."),
        ("roles: {a: ['role:b'], b: ['role:a']}", "roles.a[0]: The role `a` names itself through `role:b`."),
        ("people: {}", "people: This must be a list of people, each with `name` and `addresses`."),
        ("people: [7]", "people[0]: This must be a mapping with `name`, `addresses`, `timezone` and `department`."),
        ("people: [{}]", "people[0]: `name` is missing."),
        ("people: [{name: A}]", "people[0]: `addresses` is missing. Name at least one."),
        ("people: [{name: A, addresses: []}]", "people[0].addresses: This person has no address."),
        ("people: [{name: A, addresses: [b@c.de], zone: UTC}]", "There is no key `zone`. Did you mean `timezone`?"),
        (
            "people: [{name: A, addresses: [b@c.de], x: 1}]",
            "The keys here are `name`, `addresses`, `timezone`",
        ),
        ("people: [{name: 7, addresses: [b@c.de]}]", "people[0].name: The name of a person must be text."),
        ('people: [{name: "A\u202eB", addresses: [b@c.de]}]', "A name is one line of at most 80 visible characters."),
        ("people: [{name: A, addresses: [b@c.de], timezone: Moon}]", "There is no time zone `Moon`."),
        ("people: [{name: A, addresses: ['group:b']}]", "`group:b` is not an address: write an email address or"),
        ("people: [{name: A, addresses: [U012, U013]}]", "A person has one account, and U012 is theirs already."),
        (
            "people:\n- {name: A, addresses: [b@c.de]}\n- {name: B, addresses: [B@c.de]}",
            "roles.yaml:3:25: people[1].addresses[0]: `B@c.de` is an address on line 2 already.",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_line(text: str, sentence: str) -> None:
    assert any(sentence in problem for problem in problems(text)), problems(text)


def test_every_mistake_is_reported_at_once() -> None:
    assert len(problems("roles: {a: [bob]}\npeople: [{name: 7, addresses: [lee]}, 8]\nx: 1")) == 5


def test_many_roles_that_name_each_other_are_read_in_time() -> None:
    rows = [f"  r{at}: ['role:r{at + 1}', 'role:r{at + 2}', a{at}@example.com]" for at in range(300)]
    text = "\n".join(["roles:", *rows, "  r300: [b@example.com]", "  r301: [c@example.com]"])
    assert len(file.read(text.encode()).members["r0"]) == 302


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_or_refused(source: bytes) -> None:
    with contextlib.suppress(DefinitionError):
        file.read(source)


def limits(text: str) -> str:
    return f"roles: {{support: [a@b.co], board: ['role:support']}}\nlimits: {text}"


def test_a_role_has_a_limit_by_currency_or_none() -> None:
    roles = file.read(limits("{Support: 5000 EUR, board: unlimited}").encode())
    assert roles.limits == {"support": {"EUR": Decimal(5000)}, "board": None}
    roles = file.read(limits("{support: [5000.50 EUR, 6000 USD]}").encode())
    assert roles.limits == {"support": {"EUR": Decimal("5000.50"), "USD": Decimal(6000)}}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("5", "roles.yaml:2:9: limits: This must be a mapping, like `finance: 5000 EUR`."),
        ("{suport: 5 EUR}", "There is no role `suport` in this file. Did you mean `support`?"),
        ("{support: 5 EUR, SUPPORT: 6 EUR}", "This is the same role as `support`; keep one."),
        (
            "{support: 5}",
            "`5` is no limit. Write 5000 EUR, [5000 EUR, 6000 USD] with each currency once, or unlimited.",
        ),
        ("{support: -5 EUR}", "`-5 EUR` is no limit."),
        ("{support: NaN EUR}", "`NaN EUR` is no limit."),
        ("{support: 1e5 EUR}", "`1e5 EUR` is no limit."),
        ("{support: 5 XYQ}", "`5 XYQ` is no limit."),
        ("{support: [5 EUR, 6 EUR]}", "`6 EUR` is no limit."),
        ("{support: []}", "This role has no limit here."),
        ('{support: "5 EUR\\u202e"}', "is no limit."),
    ],
)
def test_each_wrong_limit_has_a_sentence(text: str, sentence: str) -> None:
    (problem,) = problems(limits(text))
    assert sentence in problem
    assert "\u202e" not in problem


def test_a_person_has_a_department() -> None:
    roles = file.read(b"people: [{name: Ann, addresses: [ann@example.com], department: ' Sales '}]")
    assert [person.department for person in roles.people] == ["Sales"]
    (problem,) = problems('people: [{name: Ann, addresses: [ann@example.com], department: "a\\u202eb"}]')
    assert "A department is one line of at most 80 visible characters." in problem
    (problem,) = problems("people: [{name: Ann, addresses: [ann@example.com], department: 5}]")
    assert "The department of a person must be text." in problem
