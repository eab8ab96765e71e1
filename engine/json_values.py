"""The values of workflows: JSON with exact numbers, its text and canonical form, digests and paths."""

from __future__ import annotations

import hashlib
import json.encoder
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

import msgspec

from engine.errors import InvalidValue

Value: TypeAlias = "bool | int | Decimal | str | list[Value] | dict[str, Value] | None"
Path: TypeAlias = tuple[str | int, ...]

MAX_DEPTH: Final = 64
"""Maximum depth of nested lists and mappings. Deeper data is refused before a recursive function reads it."""
MAX_DIGITS: Final = 400
"""Maximum number of digits of a number, and maximum exponent: larger numbers cost memory to print."""

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_canonical_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")
_quote = json.encoder.encode_basestring
_X = rb"[0-9a-fA-F]{2}"
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB]" + _X + rb"\\u[dD][c-fC-F]" + _X + rb"|u([dD][89a-fA-F]" + _X + rb")|.)", re.DOTALL
)
"""An escape in JSON text: of a pair of surrogates, of one without the other (group 1), or any other."""


encoded: Final[Callable[[Value | msgspec.Struct], bytes]] = _encoder.encode
"""Returns a clean value as JSON in UTF-8, every number exact."""


def dumps(value: Value) -> str:
    """Return a clean value as JSON text, every number exact."""
    return _encoder.encode(value).decode()


def loads(text: str | bytes) -> Value:
    """Return the value of JSON text. Numbers with a point or an exponent become `Decimal`, never a float.

    Half of a surrogate pair, which JSON may hold where a program cut an emoji in two, becomes U+FFFD. Raises
    `InvalidValue` for anything that is not JSON that the engine can carry.
    """
    try:
        return _decoded(text)
    except ArithmeticError:
        raise InvalidValue("must be JSON whose numbers are not that large") from None
    except RecursionError:
        raise InvalidValue("this is not valid JSON: its lists and mappings lie too deep inside each other") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise InvalidValue(f"this is not valid JSON: {error}") from None


def _decoded(text: str | bytes) -> Value:
    try:
        value: Value = _decoder.decode(text)
    except msgspec.DecodeError:
        whole = _without_halves(text.encode(errors="surrogatepass") if isinstance(text, str) else text)
        if whole is None:
            raise
        value = _decoder.decode(whole)
    return value


def _without_halves(text: bytes) -> bytes | None:
    """Return the text with U+FFFD for each escaped half of a surrogate pair, or None if it has none."""
    if b"\\ud" not in text and b"\\uD" not in text:
        return None
    return _ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], text)


def clean(value: object, *, depth: int = 0) -> Value:
    """Return a value from outside as one that the engine can store, hash and show.

    Floats become decimals, tuples lists, unpaired surrogates U+FFFD. Raises `InvalidValue` for anything else.
    """
    if depth > MAX_DEPTH:
        raise InvalidValue(f"the data nests deeper than {MAX_DEPTH} levels")
    # Nearly all values are of these three types. The abstract classes below are slow to check.
    if type(value) is str:
        return _clean_text(value)
    if type(value) is dict:
        return {_clean_key(key): clean(item, depth=depth + 1) for key, item in value.items()}
    if type(value) is list:
        return [clean(item, depth=depth + 1) for item in value]
    return _clean_other(value, depth)


def _clean_other(value: object, depth: int) -> Value:
    match value:
        case None | bool():
            return value
        case str():
            return _clean_text(value)
        case int():
            if value.bit_length() > MAX_DIGITS * 4:
                raise InvalidValue(f"a number has more than {MAX_DIGITS} digits")
            return value
        case float():
            return clean(Decimal(repr(value)), depth=depth)
        case Decimal():
            return _clean_decimal(value)
        case Mapping():
            return {_clean_key(key): clean(item, depth=depth + 1) for key, item in value.items()}
        case Sequence() if not isinstance(value, bytes | bytearray | memoryview):
            return [clean(item, depth=depth + 1) for item in value]
        case _:
            raise InvalidValue(f"a value of the type {type(value).__name__} cannot be carried by a workflow")


def _clean_text(text: str) -> str:
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def clean_text(text: str) -> str:
    """Return what a person typed as text that every database stores: PostgreSQL has no U+0000."""
    return _clean_text(text).replace("\0", "\ufffd")


def _clean_key(key: object) -> str:
    if not isinstance(key, str):
        raise InvalidValue(f"the key {key!r} is not text")
    return _clean_text(key)


def _clean_decimal(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise InvalidValue(f"{number} is not a number that can be written down")
    if abs(number.adjusted()) > MAX_DIGITS or len(number.as_tuple().digits) > MAX_DIGITS:
        raise InvalidValue(f"a number has more than {MAX_DIGITS} digits")
    # JSON readers return -0 as the integer 0, so it is written as 0.
    return Decimal(0) if str(number) == "-0" else number


def canonical(value: Value) -> bytes:
    """Return RFC 8785 canonical JSON, except that a number is written as its exact decimal text.

    RFC 8785 converts numbers to a double, which changes 2^53+1. A digest of money must cover the exact amount.
    """
    encoded = _canonical_encoder.encode(value)
    if encoded.isascii():
        return encoded
    # For other texts msgspec may differ from RFC 8785: it sorts keys by code point, not by UTF-16.
    return _canonical(value)


def _canonical(value: Value) -> bytes:
    out: list[str] = []
    _write(value, out.append)
    return "".join(out).encode()


def _write(value: Value, write: Callable[[str], None]) -> None:
    if isinstance(value, str):
        write(_quote(value))
    elif value is None:
        write("null")
    elif isinstance(value, bool):
        write("true" if value else "false")
    elif isinstance(value, int | Decimal):
        write(str(value))
    elif isinstance(value, list):
        _write_list(value, write)
    else:
        _write_mapping(value, write)


def _write_list(value: list[Value], write: Callable[[str], None]) -> None:
    mark = "["
    for item in value:
        write(mark)
        _write(item, write)
        mark = ","
    write("]" if value else "[]")


def _write_mapping(value: dict[str, Value], write: Callable[[str], None]) -> None:
    mark = "{"
    for key in _sorted(value):
        write(mark)
        write(_quote(key))
        write(":")
        _write(value[key], write)
        mark = ","
    write("}" if value else "{}")


def _sorted(keys: Collection[str]) -> list[str]:
    if all(map(str.isascii, keys)):
        return sorted(keys)
    return sorted(keys, key=lambda key: key.encode("utf-16-be"))


def same(value: Value, other: Value) -> bool:
    """Return whether two clean values have the same canonical form. Texts have it if they are equal."""
    if type(value) is str and type(other) is str:
        return value == other
    return canonical(value) == canonical(other)


def digest(value: Value) -> str:
    """Return the SHA-256 of the canonical form, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def look(value: Value, path: Path) -> Value:
    """Return the value at `path`. Raises `KeyError` with the path if there is none."""
    current = value
    for key in path:
        current = _inside(current, key, path)
    return current


def _inside(value: Value, key: str | int, path: Path) -> Value:
    if isinstance(value, dict) and isinstance(key, str) and key in value:
        return value[key]
    if isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
        return value[key]
    raise KeyError(show_path(path))


def replace(value: Value, path: Path, new: Value) -> Value:
    """Return a copy of `value` with `new` at `path`. Raises `KeyError` if there is no value at the path."""
    if not path:
        return new
    look(value, path[:1])
    key, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {name: replace(item, rest, new) if name == key else item for name, item in value.items()}
    assert isinstance(value, list)
    return [replace(item, rest, new) if index == key else item for index, item in enumerate(value)]


def replace_all(value: Value, changes: Mapping[Path, Value]) -> Value:
    """Return a copy of `value` with each change at its path. No path may lie inside another.

    Each mapping and list on the way is copied once. Raises `KeyError` if there is no value at a path.
    """
    if not changes:
        return value
    if () in changes:
        return changes[()]
    inside: dict[str | int, dict[Path, Value]] = {}
    for path, new in changes.items():
        look(value, path[:1])
        inside.setdefault(path[0], {})[path[1:]] = new
    if isinstance(value, dict):
        return {key: replace_all(item, inside[key]) if key in inside else item for key, item in value.items()}
    assert isinstance(value, list)
    return [replace_all(item, inside[index]) if index in inside else item for index, item in enumerate(value)]


def map_texts(value: Value, change: Callable[[str], str]) -> Value:
    """Return the value with `change` applied to each text, key and number. A number that changes becomes a text."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(key): map_texts(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [map_texts(item, change) for item in value]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        text = format(value, "f") if isinstance(value, Decimal) else str(value)
        return value if (changed := change(text)) == text else changed
    return value


def is_larger(value: Value, characters: int) -> bool:
    """Return whether the texts and names in `value` have more characters. Each item counts as at least one."""
    return _room_after(value, characters) < 0


def _room_after(value: Value, room: int) -> int:
    if isinstance(value, str):
        return room - max(len(value), 1)
    if isinstance(value, dict):
        for key, item in value.items():
            if (room := _room_after(item, room - len(key))) < 0:
                break
    elif isinstance(value, list):
        for item in value:
            if (room := _room_after(item, room)) < 0:
                break
    return room - 1


def show_path(path: Path) -> str:
    """Return a path as people write it: `json.items.0.amount`."""
    return ".".join(map(str, path))


def read_path(text: str, value: Value) -> Path:
    """Return the path inside `value` that a dotted text names. Raises `KeyError` if there is no value at it."""
    current, path = value, list[str | int]()
    for part in text.split("."):
        key: str | int = int(part) if isinstance(current, list) and part.isdecimal() else part
        current = look(current, (key,))
        path.append(key)
    return tuple(path)
