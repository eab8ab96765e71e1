"""Tests of conditions in words: what the words say holds exactly where the expression does."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ExpressionError
from engine.expressions import Template
from engine.workflowfile import Workflow, condition_words, load
from tests.support.workflow_files import KINDS

_FILE: Final = """
name: words
inputs:
  amount: {type: money, label: Amount, currency: EUR}
  other: {type: money, label: Other amount, currency: EUR}
  free: {type: money, label: Free}
  count: {type: integer, label: "Items, all"}
  limit: {type: number, label: Limit}
  vip: {type: boolean, label: VIP}
  urgent: {type: boolean, label: "Is it urgent?", required: false}
  note: {type: text, label: Note}
  day: {type: date, label: Day}
  tier: {type: choice, label: Tier, options: [{value: g, label: Gold}, {value: s, label: Silver}, bronze]}
  topics: {type: choices, label: Topics, options: [a, b, c]}
  twin: {type: boolean, label: Twin}
  twin_2: {type: boolean, label: Twin}
  odd: {type: boolean, label: "“Amount” is above 5 or “VIP”"}
steps:
  - {id: fill, uses: set, title: Fill in, with: {total: "{{ inputs.count }}"}}
  - id: pay
    uses: set
    with: {x: 1}
    gate: {when: "{{ WHEN }}", approvers: [ada@example.com]}
"""


def _read(when: str, file: str = _FILE) -> tuple[Template, Workflow]:
    """Return the condition in a workflow. As in a registered file, it may ask what is never true."""
    quoted = "{{ " + when + " }}"
    source = file.replace('"{{ WHEN }}"', "'" + quoted.replace("'", "''") + "'")
    workflow = load(source.encode(), kinds=KINDS, registered=True)
    gate = workflow.steps[1].gate
    assert gate is not None
    assert gate.when is not None
    return gate.when, workflow


def _said(when: str) -> condition_words.Said:
    return condition_words.condition(*_read(when))


def _brief(when: str) -> str:
    return condition_words.brief(*_read(when)).text


# -- what they say --


@pytest.mark.parametrize(
    ("when", "says", "brief"),
    [
        ("inputs.vip", "“VIP” is yes", "“VIP”"),
        ("not inputs.vip", "“VIP” is no", "not “VIP”"),
        ("inputs.urgent | default(false)", "“Is it urgent?” (no if empty) is yes", "“Is it urgent?”"),
        ("inputs.count > 1000", "“Items, all” is above 1,000", "“Items, all” is above 1,000"),
        ("1 < inputs.count <= 5", "“Items, all” is above 1 and “Items, all” is at most 5", None),
        ("not (inputs.count > 5)", "“Items, all” is at most 5", None),
        ("inputs.free | number > 5", "“Free” in its currency is above 5", None),
        ("inputs.free.currency == 'EUR'", "the currency of “Free” is “EUR”", None),
        ("inputs.amount > inputs.other", "“Amount” is above “Other amount”", None),
        ("inputs.tier == 'g'", "“Tier” is “Gold”", None),
        ("inputs.tier in ['g', 'bronze']", "“Tier” is one of “Gold”, “bronze”", None),
        ("inputs.tier not in ['g', 's']", "“Tier” is none of “Gold”, “Silver”", None),
        ("'a' in inputs.topics", "“Topics” includes “a”", None),
        ("'x' not in inputs.note", "“Note” does not contain “x”", None),
        ("inputs.urgent is none", "“Is it urgent?” is empty", None),
        ("inputs.urgent is not none", "“Is it urgent?” is not empty", None),
        ("inputs.day >= '2026-12-01'", "“Day” is on or after Dec 1, 2026", None),
        ("steps.fill.total > 3", "“Total” of step “Fill in” is above 3", None),
        (
            "inputs.vip and (inputs.count > 5 or inputs.note == 'x')",
            "“VIP” is yes, and either “Items, all” is above 5 or “Note” is “x”",
            None,
        ),
        (
            "inputs.vip or inputs.count > 5 and inputs.note == 'x'",
            "“VIP” is yes, or “Items, all” is above 5 and “Note” is “x”",
            None,
        ),
    ],
)
def test_conditions_are_said_in_words(when: str, says: str, brief: str | None) -> None:
    assert _said(when) == condition_words.Said(says)
    assert brief is None or _brief(when) == brief


def test_the_only_amount_of_a_workflow_needs_no_name_in_a_list() -> None:
    source = _FILE.replace("  other: {type: money, label: Other amount, currency: EUR}\n", "").replace(
        "  free: {type: money, label: Free}\n", ""
    )
    assert condition_words.brief(*_read("inputs.amount > 100 or inputs.vip", source)).text == "above 100 EUR or “VIP”"


@pytest.mark.parametrize(
    "when",
    [
        "inputs.note | length > 5",
        "inputs.count + 1 > 5",
        "inputs.note | lower == 'x'",
        "inputs.odd",
        "inputs.twin",
        "inputs.urgent is defined",
        "inputs.vip if inputs.count > 5 else inputs.odd",
        "inputs.note == 'one “quoted” word'",
        "inputs.note == 'zero\u200bwidth'",
        "inputs.vip and (inputs.count > 5 or (inputs.count < 2 and inputs.note == 'x'))",
        "steps.fill.total > steps.fill.total + 1",
    ],
)
def test_what_words_would_not_say_exactly_stays_as_code(when: str) -> None:
    said = _said(when)
    assert said.is_code
    assert "{{" not in said.text


# -- they are never wrong --

_ATOMS: Final = st.sampled_from(
    [
        "inputs.vip",
        "inputs.urgent | default(false)",
        "inputs.urgent | default(true)",
        "inputs.urgent is none",
        "inputs.vip == false",
        "inputs.vip != true",
        "inputs.tier == 'g'",
        "inputs.tier != 'bronze'",
        "inputs.tier in ['g', 's']",
        "inputs.tier not in ['s', 'bronze']",
        "inputs.tier in ['s']",
        "'a' in inputs.topics",
        "'b' not in inputs.topics",
        "inputs.note == 'is yes or “no'",
        "inputs.note == 'one, two'",
        "'on' in inputs.note",
        "inputs.day > '2026-11-30'",
        "inputs.day <= '2026-12-01'",
        "inputs.day == '2026-12-01'",
        "inputs.odd",
    ]
)
_NUMBERS: Final = st.sampled_from(["-1", "0", "5", "1000", "1234.5"])
_COMPARED: Final = st.builds(
    lambda name, relation, number, flipped: f"{number} {relation} {name}" if flipped else f"{name} {relation} {number}",
    st.sampled_from(
        [
            "inputs.amount",
            "inputs.amount | number",
            "(inputs.amount.amount | number)",
            "inputs.free | number",
            "inputs.count",
            "inputs.limit",
            "steps.fill.total",
        ]
    ),
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    _NUMBERS,
    st.booleans(),
)
_CHAINS: Final = st.builds(lambda low, high: f"{low} < inputs.count <= {high}", _NUMBERS, _NUMBERS)


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds(lambda left, word, right: f"({left}) {word} ({right})", inner, st.sampled_from(["and", "or"]), inner),
        st.builds(lambda one: f"not ({one})", inner),
    )


_CONDITIONS: Final = st.recursive(st.one_of(_ATOMS, _COMPARED, _CHAINS), _combined, max_leaves=5)
_AMOUNTS: Final = st.sampled_from(["-1.00", "0.00", "5.00", "5.01", "1000.00", "1234.50", "9999.00"])
_SCOPES: Final = st.fixed_dictionaries(
    {
        "amount": st.builds(lambda amount: {"amount": amount, "currency": "EUR"}, _AMOUNTS),
        "other": st.builds(lambda amount: {"amount": amount, "currency": "EUR"}, _AMOUNTS),
        "free": st.builds(lambda amount: {"amount": amount, "currency": "USD"}, _AMOUNTS),
        "count": st.sampled_from([-1, 0, 1, 5, 6, 1000]),
        "limit": st.sampled_from([0, Decimal("5.5"), Decimal("1234.5")]),
        "vip": st.booleans(),
        "urgent": st.sampled_from([True, False, None]),
        "note": st.sampled_from(["one, two", "is yes or “no", "on"]),
        "day": st.sampled_from(["2026-11-30", "2026-12-01", "2026-12-02"]),
        "tier": st.sampled_from(["g", "s", "bronze"]),
        "topics": st.lists(st.sampled_from("abc"), unique=True),
        "twin": st.booleans(),
        "twin_2": st.booleans(),
        "odd": st.booleans(),
    }
)


@given(when=_CONDITIONS, inputs=_SCOPES)
def test_the_words_hold_exactly_where_the_expression_does(when: str, inputs: dict[str, Any]) -> None:
    template, workflow = _read(when)
    said = condition_words.condition(template, workflow)
    if said.is_code:
        return
    try:
        expected = template.evaluate_condition({"inputs": inputs, "steps": {"fill": {"total": inputs["count"]}}})
    except ExpressionError:
        return
    assert _Reader(said.text, inputs).holds() == expected, said.text


class _Reader:
    """A reader of the words, who knows nothing of the expression."""

    def __init__(self, text: str, inputs: dict[str, Any]) -> None:
        self._inputs = inputs
        self._texts = list[str]()
        # What stands in quotes is a name or a value, whatever words are in it.
        self._text = re.sub("“([^“”]*)”", self._keep, text)

    def _keep(self, found: re.Match[str]) -> str:
        self._texts.append(found[1])
        return f"“{len(self._texts) - 1}”"

    def holds(self) -> bool:
        """Return whether the whole sentence holds."""
        for word, decide in (("or", any), ("and", all)):
            parts = self._text.split(f", {word} ")
            if len(parts) > 1:
                # The commas of "a, b, or c" stand for the word too.
                return decide(map(self._group, (one for part in parts for one in _BETWEEN.split(part))))
        return self._group(self._text)

    def _group(self, text: str) -> bool:
        text = text.removeprefix("either ")
        for word, decide in ((" or ", any), (" and ", all)):
            # "on or after" is one relation, not two conditions.
            parts = re.split(rf"(?<!\bon){word}(?!after|before)", text)
            if len(parts) > 1:
                return decide(map(self._atom, parts))
        return self._atom(text)

    def _atom(self, text: str) -> bool:
        for pattern, read in _ATOM_READERS:
            if (found := re.fullmatch(pattern, text)) is not None:
                return read(self, found)
        raise AssertionError(f"not understood: {text}")

    def value(self, name: str) -> Any:
        """Return the value of a name, as a number if it is money."""
        found = re.fullmatch(r"“(\d+)”(?: \((yes|no) if empty\)| of step “\d+”| in its currency)?", name)
        assert found is not None, name
        value = self._inputs[_NAMES[self._texts[int(found[1])]]]
        if value is None and found[2]:
            return found[2] == "yes"
        return Decimal(value["amount"]) if isinstance(value, dict) else value

    def text(self, quoted: str) -> str:
        """Return a text that stood in quotes, or the value of the option with this label."""
        text = self._texts[int(quoted.strip("“”"))]
        return {"Gold": "g", "Silver": "s"}.get(text, text)

    def texts(self, listed: str) -> list[str]:
        """Return the texts of a list."""
        return [self.text(one) for one in listed.split(", ")]


_NAMES: Final = {
    "Amount": "amount",
    "Other amount": "other",
    "Free": "free",
    "Items, all": "count",
    "Limit": "limit",
    "VIP": "vip",
    "Is it urgent?": "urgent",
    "Note": "note",
    "Day": "day",
    "Tier": "tier",
    "Topics": "topics",
    "Total": "count",
}
_NAME: Final = r"(“\d+”(?: \((?:yes|no) if empty\)| of step “\d+”| in its currency)?)"
_NUMBER: Final = r"(-?[\d,]+(?:\.\d+)?)(?: EUR)?"
_DAYS: Final = {"Nov 30, 2026": "2026-11-30", "Dec 1, 2026": "2026-12-01"}
_DAY: Final = f"({'|'.join(_DAYS)})"


_BETWEEN: Final = re.compile(f", (?={_NAME} (?:is|includes|contains|does))".replace("(“", "(?:“"))


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", ""))


_ATOM_READERS: Final[list[tuple[str, Callable[[_Reader, re.Match[str]], bool]]]] = [
    (f"{_NAME} is yes", lambda reader, found: reader.value(found[1]) is True),
    (f"{_NAME} is no", lambda reader, found: reader.value(found[1]) is False),
    (f"{_NAME} is not yes", lambda reader, found: reader.value(found[1]) is not True),
    (f"{_NAME} is not no", lambda reader, found: reader.value(found[1]) is not False),
    (f"{_NAME} is empty", lambda reader, found: reader.value(found[1]) is None),
    (f"{_NAME} is not empty", lambda reader, found: reader.value(found[1]) is not None),
    (f"{_NAME} is above {_NUMBER}", lambda reader, found: reader.value(found[1]) > _number(found[2])),
    (f"{_NAME} is at least {_NUMBER}", lambda reader, found: reader.value(found[1]) >= _number(found[2])),
    (f"{_NAME} is below {_NUMBER}", lambda reader, found: reader.value(found[1]) < _number(found[2])),
    (f"{_NAME} is at most {_NUMBER}", lambda reader, found: reader.value(found[1]) <= _number(found[2])),
    (f"{_NAME} is {_NUMBER}", lambda reader, found: reader.value(found[1]) == _number(found[2])),
    (f"{_NAME} is not {_NUMBER}", lambda reader, found: reader.value(found[1]) != _number(found[2])),
    (f"{_NAME} is (“\\d+”)", lambda reader, found: reader.value(found[1]) == reader.text(found[2])),
    (f"{_NAME} is not (“\\d+”)", lambda reader, found: reader.value(found[1]) != reader.text(found[2])),
    (f"{_NAME} is one of ([“”\\d, ]+)", lambda reader, found: reader.value(found[1]) in reader.texts(found[2])),
    (f"{_NAME} is none of ([“”\\d, ]+)", lambda reader, found: reader.value(found[1]) not in reader.texts(found[2])),
    (f"{_NAME} (?:includes|contains) (“\\d+”)", lambda reader, found: reader.text(found[2]) in reader.value(found[1])),
    (
        f"{_NAME} does not (?:include|contain) (“\\d+”)",
        lambda reader, found: reader.text(found[2]) not in reader.value(found[1]),
    ),
    (f"{_NAME} is {_DAY}", lambda reader, found: reader.value(found[1]) == _DAYS[found[2]]),
    (f"{_NAME} is not {_DAY}", lambda reader, found: reader.value(found[1]) != _DAYS[found[2]]),
    (f"{_NAME} is after {_DAY}", lambda reader, found: reader.value(found[1]) > _DAYS[found[2]]),
    (f"{_NAME} is on or after {_DAY}", lambda reader, found: reader.value(found[1]) >= _DAYS[found[2]]),
    (f"{_NAME} is before {_DAY}", lambda reader, found: reader.value(found[1]) < _DAYS[found[2]]),
    (f"{_NAME} is on or before {_DAY}", lambda reader, found: reader.value(found[1]) <= _DAYS[found[2]]),
]
