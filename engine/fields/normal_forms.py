"""One value at a time: is it a date, an email, an amount, and how is it written in the one normal form.

Every function takes a clean value and returns its normal form, or raises `InvalidValue` with a predicate ("must be
…", "is not …") that reads on after the name of a field.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Final
from urllib.parse import SplitResult, urlsplit

from engine import json_values
from engine.currencies import usual_decimals
from engine.domain import accounts
from engine.errors import InvalidValue
from engine.json_values import Value
from engine.name_lists import join_names

MAX_EMAIL: Final = 254
MAX_URL: Final = 3000
"""What a Slack button takes."""

MAX_NUMBER: Final = 2 * json_values.MAX_DIGITS
"""Maximum length of a number as text, in characters. It is checked before the text is parsed."""
MAX_PERSON: Final = 1000
"""Maximum length of a reference to a person, in characters: an address, or a mention with a name in it."""

CURRENCY: Final = re.compile(r"[A-Z]{3}")
# Possessive quantifiers: a text that is almost a number is scanned only once.
_NUMBER: Final = re.compile(r"[+-]?(?:\d++(?:\.\d*+)?|\.\d++)(?P<exponent>[eE][+-]?\d{1,4})?", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_TIME: Final = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?!\d+\Z)[a-z0-9][a-z0-9-]{{0,61}}[a-z0-9]")
_NOT_IN_EMAIL: Final = frozenset(' ()<>[]:;,\\"')
_HOST: Final = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?(/|\?|$)", re.ASCII | re.IGNORECASE)
_MOST_CITED: Final = 200
_NOT_IN_URL: Final = frozenset(' <>"\\')


def near(text: str, names: Collection[str]) -> str:
    """Return `. Did you mean …?` if one of `names` is close to `text`, or an empty text."""
    close = get_close_matches(text[:100].casefold(), {name.casefold(): name for name in names}, n=1)
    return next((f". Did you mean “{name}”?" for name in names if [name.casefold()] == close), "")


def listed(names: Collection[str]) -> str:
    """Return the names with commas, at most twenty of them."""
    return join_names([*names][:20], len(names))


# -- text ---------------------------------------------------------------------------------------------------


def one_line(text: str) -> bool:
    """Return whether the text is one line for `str.splitlines`, by which email headers are folded."""
    return "".join(text.splitlines()) == text


def text(value: Value, *, lines: bool, longest: int) -> str:
    """Return a text of at most `longest` characters; with `lines` it may have several lines."""
    if not isinstance(value, str):
        raise InvalidValue("must be text")
    if len(value) > longest:
        raise InvalidValue(f"must be at most {longest} characters long, and has {len(value)}")
    if "\0" in value:
        raise InvalidValue("must not contain a NUL character")
    if not lines and not one_line(value):
        raise InvalidValue("must be one line, without line breaks")
    return value


def email(value: Value) -> str:
    """Return one email address without a name, its domain in lower case. Only forms of real mailboxes are accepted."""
    if not isinstance(value, str) or not _is_email(value):
        raise InvalidValue("must be one email address, like sam@example.com")
    local, domain = value.split("@")
    return f"{local}@{domain.lower()}"


def _is_email(text: str) -> bool:
    local, at, domain = text.partition("@")
    return (
        len(text) <= MAX_EMAIL
        and at == "@"
        and len(local) <= 64
        and local.isprintable()
        and _NOT_IN_EMAIL.isdisjoint(local)
        and all(local.split("."))
        and domain.isascii()  # before lower(): the Kelvin sign would become a k
        and _DOMAIN.fullmatch(domain.lower()) is not None
    )


def url(value: Value) -> str:
    """Return an http or https address as given, without a user name, which can make one host look like another."""
    if isinstance(value, str) and len(value) > MAX_URL:
        raise InvalidValue(f"must be at most {MAX_URL} characters long, and has {len(value)}")
    if not isinstance(value, str) or not value.isprintable() or not _NOT_IN_URL.isdisjoint(value):
        raise InvalidValue("must be an http or https address, like https://example.com/page")
    parts = _split(value)
    if parts is None or parts.scheme not in ("http", "https") or not (parts.hostname or "").strip("."):
        meant = _with_scheme(value)
        if meant:
            raise InvalidValue(f"must begin with https://, as in {meant}")
        raise InvalidValue("must be an http or https address, like https://example.com/page")
    if "@" in parts.netloc:
        raise InvalidValue("must not contain a user name or password before the host")
    return value


def _with_scheme(text: str) -> str:
    """Return the https address that a text without a scheme means, such as `example.com/page`; empty if it is none."""
    meant = f"https://{text}"
    parts = _split(meant) if _HOST.match(text) and len(text) <= _MOST_CITED else None
    return meant if parts is not None and "@" not in parts.netloc else ""


def _split(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        _ = parts.port  # raises as well
    except ValueError:
        return None
    return parts


def person(value: Value) -> str:
    """Return an email address, or the id of an account, which may be written as a mention."""
    if isinstance(value, str) and len(value) <= MAX_PERSON:
        if (account := accounts.parse_account(value)) is not None:
            return account.value
        if _is_email(value):
            return email(value)
    raise InvalidValue(f"must be a person: an email address, or {accounts.EXAMPLES}")


def choice(value: Value, options: Collection[str]) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f"must be one of: {listed(options)}")
    if value not in options:
        raise InvalidValue(f"is not one of: {listed(options)}{near(value, options)}")
    return value


def choices(value: Value, options: Collection[str]) -> list[Value]:
    """Return the chosen options in the given order, each once."""
    if not isinstance(value, list):
        raise InvalidValue(f"must be some of: {listed(options)}")
    allowed = frozenset(options)
    for item in value:
        if not isinstance(item, str):
            raise InvalidValue(f"must be some of: {listed(options)}")
        if item not in allowed:
            raise InvalidValue(f"has “{item[:100]}”, which is not one of: {listed(options)}{near(item, options)}")
    return [*dict.fromkeys(str(item) for item in value)]


# -- numbers ------------------------------------------------------------------------------------------------


def read_number(text: str) -> int | Decimal | None:
    """Return the number that a text spells, exactly, or None if it spells none.

    Raises `InvalidValue` for one with more digits than can be kept.
    """
    if len(text) > MAX_NUMBER:
        raise InvalidValue(_TOO_LARGE)
    match = _NUMBER.fullmatch(text)
    if not match:
        return None
    spelled = _bounded(Decimal(text))
    return spelled if "." in text or match["exponent"] else int(spelled)


_TOO_LARGE: Final = f"must be a number of at most {json_values.MAX_DIGITS} digits"


def _bounded(number: Decimal) -> Decimal:
    try:
        json_values.clean(number)
    except InvalidValue:
        raise InvalidValue(_TOO_LARGE) from None
    return number


def plain(number: int | Decimal) -> str:
    """Return the exact number without an exponent, except if that would be a long row of zeros."""
    if isinstance(number, int) or abs(number.adjusted()) > 30:
        return str(number)
    return f"{number:f}"


def number(value: Value) -> int | Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InvalidValue("must be a number")
    return value


def integer(value: Value) -> int:
    """Return a whole number. A decimal with only zeros after the point is one."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or value != int(value):
        raise InvalidValue("must be a whole number")
    return int(value)


# -- money --------------------------------------------------------------------------------------------------

_AMOUNT: Final = "must have an amount like 12.50, with a decimal point and no thousands separators"


def amount(value: Value) -> Decimal:
    """Return an exact amount of money, from a number or its text; never minus zero."""
    if isinstance(value, str):
        if len(value) > MAX_NUMBER:
            raise InvalidValue(_TOO_LARGE)
        spelled = _NUMBER.fullmatch(value)
        value = Decimal(value) if spelled and not spelled["exponent"] else None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InvalidValue(_AMOUNT)
    exact = _bounded(Decimal(value))
    return exact if exact else exact.copy_abs()


def money(value: Value, *, currency: str | None) -> dict[str, Value]:
    """Return `{"amount": "12.50", "currency": "EUR"}`. If `currency` is given, no other is allowed."""
    if currency and isinstance(value, int | Decimal):
        value = {"amount": value}
    if not isinstance(value, dict) or "amount" not in value or not value.keys() <= {"amount", "currency"}:
        raise InvalidValue('must be money, like {"amount": "12.50", "currency": "EUR"}')
    exact, code = amount(value["amount"]), value.get("currency", currency)
    if not isinstance(code, str) or not CURRENCY.fullmatch(code):
        raise InvalidValue("must have a currency of three capital letters, like EUR")
    if currency and code != currency:
        raise InvalidValue(f"must be in {currency}, not in {code}")
    return {"amount": f"{exact:f}", "currency": code}


def check_decimals(exact: Decimal, currency: str) -> None:
    """Raise `InvalidValue` for more decimals than the currency has (ISO 4217)."""
    decimals = usual_decimals().get(currency)
    if decimals is None or decimals_of(exact) <= decimals:
        return
    if decimals == 0:
        raise InvalidValue(f"must be a whole amount, because {currency} has no decimals")
    raise InvalidValue(f"must have at most {decimals} decimals in {currency}, and has {decimals_of(exact)}")


def decimals_of(number: Decimal) -> int:
    """Return how many digits stand after the decimal point."""
    exponent = number.as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def currency_code(value: Value) -> str:
    """Return the code of a currency in capital letters. Raises `InvalidValue` for one that ISO 4217 does not have."""
    if not isinstance(value, str) or not CURRENCY.fullmatch(value):
        raise InvalidValue("must be a currency of three capital letters, like EUR")
    if value not in usual_decimals():
        raise InvalidValue(f"has no known currency: {value} is not in ISO 4217{near(value, usual_decimals())}")
    return value


def currency(value: Value, *, only: str | None) -> str:
    """Return the code of a currency; `only` is the only one allowed."""
    if only is not None and value != only:
        raise InvalidValue(f"must be {only}")
    return only or currency_code(value)


def has_currency_sign(text: str) -> bool:
    """Return whether the text has a currency sign such as €."""
    return any(unicodedata.category(character) == "Sc" for character in text)


# -- others -------------------------------------------------------------------------------------------------


def boolean(value: Value) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue("must be true or false")
    return value


def day(value: Value) -> str:
    """Return a date as `YYYY-MM-DD`."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value).isoformat()
        except ValueError:
            raise InvalidValue("is not a day in the calendar") from None
    raise InvalidValue("must be a date, like 2026-01-31")


def moment(value: Value) -> str:
    """Return a time with an offset in UTC: `YYYY-MM-DDTHH:MM:SSZ`, with six digits of a second unless they are zero."""
    return f"{instant(value).replace(tzinfo=None).isoformat()}Z"


def instant(value: Value) -> datetime:
    """Return a time with an offset as a datetime in UTC."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise InvalidValue("must be a date and time, like 2026-01-31T09:00:00Z")
    if not match[3]:
        raise InvalidValue("must say its time zone: end it with Z for UTC, or with an offset like +01:00")
    try:
        return datetime.fromisoformat(f"{match[1]}T{match[2]}{match[3].upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidValue("is not a time in the calendar") from None
