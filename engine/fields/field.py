"""The model of a field as files declare it, and `validate`, which returns the normal form of a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    PlainValidator,
    Strict,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from engine import json_values, timestamps
from engine.errors import MISSING, InvalidValue
from engine.fields import file_rules, normal_forms
from engine.json_values import Value


class FieldType(StrEnum):
    TEXT = "text"
    LONG_TEXT = "long_text"
    NUMBER = "number"
    INTEGER = "integer"
    MONEY = "money"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    EMAIL = "email"
    URL = "url"
    CHOICE = "choice"
    CHOICES = "choices"
    PERSON = "person"
    FILE = "file"
    JSON = "json"


class FieldPart(StrEnum):
    """The part of money that an expression reads: `inputs.x.amount`, `inputs.x | number` or `inputs.x.currency`."""

    AMOUNT = "amount"
    NUMBER = "number"
    CURRENCY = "currency"


LONGEST: Final[Mapping[FieldType, int]] = {FieldType.TEXT: 3_000, FieldType.LONG_TEXT: 100_000}
"""Default of `max_length` for texts, in characters."""
MAX_OPTIONS: Final = 100
"""Maximum number of options of a field: a Slack select takes no more."""

_TEXTS: Final = frozenset(LONGEST)
_CHOICES: Final = frozenset({FieldType.CHOICE, FieldType.CHOICES})
_TIMES: Final = frozenset({FieldType.DATE, FieldType.DATETIME})
_BOUNDED: Final = _TIMES | {FieldType.NUMBER, FieldType.INTEGER, FieldType.MONEY}
_WRITTEN_AS_TEXT: Final = (_TEXTS | _TIMES) | {FieldType.EMAIL, FieldType.URL, FieldType.CHOICE, FieldType.PERSON}


def _bound(value: object) -> int | Decimal | str | None:
    bound = json_values.clean(value)
    if isinstance(bound, bool | list | dict):
        raise ValueError("a bound is a number or a date")
    return bound


def _is_line(value: object) -> bool:
    return (
        isinstance(value, str)
        and value != ""
        and value == value.strip()
        and normal_forms.one_line(value)
        and "\0" not in value
    )


class Option(BaseModel):
    """One option. `value`: for the workflow. `label`: for people. A file may give the value alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: str
    label: str

    @model_validator(mode="before")
    @classmethod
    def _short(cls, raw: object) -> object:
        if isinstance(raw, str):
            raw = {"value": raw}
        if not isinstance(raw, Mapping):
            raise ValueError("an option is text (write numbers in quotes) or a mapping of value and label")
        value = raw.get("value")
        # If the value is invalid, one error is enough.
        return {"label": value if _is_line(value) else "-", **raw}

    @field_validator("value", "label")
    @classmethod
    def _line(cls, value: str) -> str:
        if not _is_line(value):
            raise ValueError("an option is one line of text, not empty and with no space around it")
        return value


class Field(BaseModel):
    """The type and the rules of one input, output or editable parameter. A file may give the type alone.

    `required` is true unless there is a default. `max_length` counts characters. `min` and `max` are numbers (for
    money: amounts, in whatever currency the value has), or dates as text. `blank` says what an empty text means when
    the field is not required: nothing at all, or a text to keep. `types` are the media types of files that it takes,
    such as `image/*`, and `max_size` their size, such as `5MB`. Errors of pydantic stand at the key they are about.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: FieldType
    label: str = ""
    help: str = ""
    default: Annotated[Any, PlainValidator(json_values.clean)] = None
    required: bool = True
    min: Annotated[int | Decimal | str | None, PlainValidator(_bound)] = None
    max: Annotated[int | Decimal | str | None, PlainValidator(_bound)] = None
    max_length: Annotated[int, Strict()] | None = None
    options: tuple[Option, ...] = ()
    currency: str | None = None
    types: tuple[str, ...] = ()
    max_size: Annotated[int | str | None, PlainValidator(file_rules.check_size)] = None
    blank: Literal["null", "keep"] = "null"

    @property
    def part(self) -> FieldPart | None:
        """The part of money that the value is, or None for all of it. A file cannot declare this."""
        return None

    @cached_property
    def declaration(self) -> Value:
        """The declaration in the form that is stored. Requests share fields, so it is computed once."""
        return json_values.clean(self.model_dump(exclude_unset=True))

    @model_validator(mode="before")
    @classmethod
    def _short(cls, raw: object) -> object:
        if isinstance(raw, str):
            return {"type": raw}
        if isinstance(raw, Mapping):
            return {"required": raw.get("default") is None, **raw}
        raise ValueError("a field is the name of its type, like text, or a mapping that has a type")

    @field_validator("type", mode="before")
    @classmethod
    def _check_type(cls, raw: object) -> object:
        names = [*FieldType]
        if raw in names:
            return raw
        if isinstance(raw, str):
            hint = normal_forms.near(raw, names) or f"; there are {', '.join(names)}"
            raise ValueError(f"there is no field type {raw[:100]}{hint}")
        raise ValueError(f"the type is one of: {', '.join(names)}")

    @field_validator("options", "types", mode="before")
    @classmethod
    def _check_list(cls, raw: object, info: ValidationInfo) -> object:
        if not isinstance(raw, list | tuple):
            raise ValueError(f"{info.field_name} is a list")
        return raw

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _refuse(self, [*_problems(self)] or [*_default_problems(self, normal_form)])
        return self

    @property
    def values(self) -> tuple[str, ...]:
        """The values of the options."""
        return tuple(option.value for option in self.options)


class PartOfMoney(Field):
    """The field of a value that is only a part of money."""

    taken: FieldPart

    @property
    def part(self) -> FieldPart | None:
        return self.taken


def stored(declaration: Value) -> Field:
    """Read a field that `Field.declaration` returned."""
    model = PartOfMoney if isinstance(declaration, dict) and "taken" in declaration else Field
    return model.model_validate(declaration)


def part_of(field: Field, part: FieldPart) -> Field:
    """Return the declaration of a part of the money that `field` declares."""
    return PartOfMoney.model_validate({**field.model_dump(exclude_unset=True, exclude={"default"}), "taken": part})


# -- checks of the declaration ----------------------------------------------------------------------------


def check_declaration(field: Field) -> None:
    """Raise `ValidationError` for rules of new files only: files that were registered earlier must still load."""
    _refuse(field, [*_currency_problems(field), *_default_problems(field, validate)])


def _currency_problems(field: Field) -> Iterator[tuple[str, str]]:
    if field.currency is not None:
        try:
            normal_forms.currency_code(field.currency)
        except InvalidValue as error:
            yield "currency", f"this field {error}"


def _refuse(field: Field, problems: list[tuple[str, str]]) -> None:
    if problems:
        written = field.model_dump()
        raise ValidationError.from_exception_data(
            "Field",
            [
                {"type": "value_error", "loc": (key,), "input": written[key], "ctx": {"error": error}}
                for key, error in ((key, ValueError(sentence)) for key, sentence in problems)
            ],
        )


def _problems(field: Field) -> Iterator[tuple[str, str]]:
    """Yield the key and a sentence for each problem of a declaration, except for its default."""
    yield from _option_problems(field)
    yield from _bound_problems(field)
    if field.max_length is not None:
        if field.type not in _TEXTS:
            yield "max_length", "only text and long_text fields have a max_length"
        elif field.max_length < 1:
            yield "max_length", "max_length is at least 1"
    if field.currency is not None:
        if field.type is not FieldType.MONEY:
            yield "currency", "only money fields have a currency"
        elif not normal_forms.CURRENCY.fullmatch(field.currency):
            yield "currency", "a currency is three capital letters, like EUR"
    if field.blank == "keep" and field.type not in _TEXTS:
        yield "blank", "only text and long_text fields keep a blank text"
    if field.type is FieldType.FILE:
        yield from file_rules.problems(field.types, field.default)
    else:
        given = {"types": bool(field.types), "max_size": field.max_size is not None}
        yield from ((name, f"only file fields have {name}") for name, is_given in given.items() if is_given)


def _option_problems(field: Field) -> Iterator[tuple[str, str]]:
    if field.type not in _CHOICES:
        if field.options:
            yield "options", "only choice and choices fields have options"
    elif not field.options:
        yield "options", f"a {field.type} field needs options to choose from"
    elif len(field.options) > MAX_OPTIONS:
        yield "options", f"there are {len(field.options)} options, and at most {MAX_OPTIONS} can be shown"
    for name, names in ("value", field.values), ("label", [option.label for option in field.options]):
        twice = next((text for text, count in Counter(names).items() if count > 1), None)
        if twice is not None:
            yield "options", f"two options have the {name} {twice}"
            break
    if field.type is FieldType.CHOICES and any("," in value for value in field.values):
        yield "options", "the values of choices are typed with commas between them, so none may hold a comma"


def _bound_problems(field: Field) -> Iterator[tuple[str, str]]:
    ranks = []
    for key, bound in ("min", field.min), ("max", field.max):
        if bound is None:
            continue
        if field.type not in _BOUNDED:
            yield key, f"only number, integer, money, date and datetime fields have a {key}"
            continue
        try:
            ranks.append(_rank(field.type, bound))
        except InvalidValue as error:
            yield key, f"the {key} {error}"
    if len(ranks) == 2 and ranks[0] > ranks[1]:
        yield "min", "the min is above the max"


def _default_problems(field: Field, check: Callable[[Field, Value], Value]) -> Iterator[tuple[str, str]]:
    if field.default is None:
        return
    try:
        check(field, field.default)
    except InvalidValue as error:
        yield "default", f"the default {error}"


# -- checks of a value ---------------------------------------------------------------------------------------


def validate(field: Field, value: Value) -> Value:
    """Return the normal form of a typed value; None where an optional field is left empty.

    Nothing is guessed: text never becomes a number, nor a number text. Raises `InvalidValue`, with a predicate that
    reads on after the name of the field.
    """
    normal = normal_form(field, value)
    if field.type is FieldType.MONEY and normal is not None:
        _check_money(field, normal)
    return normal


def normal_form(field: Field, value: Value) -> Value:
    """Return the same as `validate`, without the rules for currencies and signs that only new files have to follow."""
    value = json_values.clean(value)
    empty = value == [] if field.type is FieldType.CHOICES else _is_blank(field, value)
    if empty or (value is None and field.type is not FieldType.JSON):
        return nothing(field, [] if value == [] else None)
    normal = _CHECKS[field.type](field, value)
    _check_bounds(field, normal)
    return normal


def nothing(field: Field, empty: Value = None) -> Value:
    """Return the value of a field that was left empty. Raises `InvalidValue` if it is required."""
    if field.required:
        raise InvalidValue(MISSING)
    return empty


def absent(field: Field) -> Value:
    """Return the default of a field without a value. Raises `InvalidValue` if it is required."""
    return nothing(field) if field.default is None and field.required else validate(field, field.default)


def _is_blank(field: Field, value: Value) -> bool:
    if not isinstance(value, str) or field.type not in _WRITTEN_AS_TEXT:
        return False
    return not value.strip() and (field.required or field.blank == "null")


def _text(field: Field, value: Value) -> Value:
    longest = LONGEST[field.type] if field.max_length is None else field.max_length
    return normal_forms.text(value, lines=field.type is FieldType.LONG_TEXT, longest=longest)


_MONEY: Final[Mapping[FieldPart | None, Callable[[Field, Value], Value]]] = {
    None: lambda field, value: normal_forms.money(value, currency=field.currency),
    FieldPart.AMOUNT: lambda _, value: f"{normal_forms.amount(value):f}",
    FieldPart.NUMBER: lambda _, value: normal_forms.number(value),
    FieldPart.CURRENCY: lambda field, value: normal_forms.currency(value, only=field.currency),
}


_CHECKS: Final[Mapping[FieldType, Callable[[Field, Value], Value]]] = {
    FieldType.TEXT: _text,
    FieldType.LONG_TEXT: _text,
    FieldType.NUMBER: lambda _, value: normal_forms.number(value),
    FieldType.INTEGER: lambda _, value: normal_forms.integer(value),
    FieldType.MONEY: lambda field, value: _MONEY[field.part](field, value),
    FieldType.BOOLEAN: lambda _, value: normal_forms.boolean(value),
    FieldType.DATE: lambda _, value: normal_forms.day(value),
    FieldType.DATETIME: lambda _, value: normal_forms.moment(value),
    FieldType.EMAIL: lambda _, value: normal_forms.email(value),
    FieldType.URL: lambda _, value: normal_forms.url(value),
    FieldType.CHOICE: lambda field, value: normal_forms.choice(value, field.values),
    FieldType.CHOICES: lambda field, value: normal_forms.choices(value, field.values),
    FieldType.PERSON: lambda _, value: normal_forms.person(value),
    FieldType.FILE: lambda field, value: file_rules.normal_form(value, types=field.types, most=field.max_size),
    FieldType.JSON: lambda _, value: value,
}


def _rank(kind: FieldType, value: Value) -> Any:
    """Return the form in which a value or a bound is compared."""
    if kind is FieldType.DATE:
        return normal_forms.day(value)
    if kind is FieldType.DATETIME:
        return normal_forms.instant(value)
    if kind is FieldType.MONEY:
        return normal_forms.amount(value["amount"] if isinstance(value, dict) else value)
    return normal_forms.number(value)


def _check_money(field: Field, value: Value) -> None:
    """Raise `InvalidValue` for more decimals than the currency has, or a negative amount that `min` does not allow."""
    if field.part is FieldPart.CURRENCY:
        return
    currency = str(value["currency"]) if isinstance(value, dict) else field.currency
    exact = Decimal(_rank(field.type, value))
    if currency is not None:
        if field.currency is None:
            normal_forms.currency_code(currency)
        normal_forms.check_decimals(exact, currency)
    if exact < 0 and field.min is None:
        raise InvalidValue("must not be negative")


def _check_bounds(field: Field, value: Value) -> None:
    if field.part is FieldPart.CURRENCY:
        return
    if field.min is not None and _rank(field.type, value) < _rank(field.type, field.min):
        word = "not be before" if field.type in _TIMES else "be at least"
        raise InvalidValue(f"must {word} {_show_bound(field.min, value)}")
    if field.max is not None and _rank(field.type, value) > _rank(field.type, field.max):
        word = "not be after" if field.type in _TIMES else "be at most"
        raise InvalidValue(f"must {word} {_show_bound(field.max, value)}")


def _show_bound(bound: int | Decimal | str, value: Value) -> str:
    text = timestamps.in_words(bound) if isinstance(bound, str) else normal_forms.plain(bound)
    return f"{text} {value['currency']}" if isinstance(value, dict) and "currency" in value else text
