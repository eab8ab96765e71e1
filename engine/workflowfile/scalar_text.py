"""Values as text of one line in a YAML file. Pure."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from engine.json_values import Value

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_@./+-]*(?: [A-Za-z0-9_@./+-]+)*|[0-9]{1,4}[smhdw%]")
_OTHER_MEANING: Final = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
"""Words that some readers of YAML take for something other than text."""
_ESCAPES: Final = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def written(value: Value) -> str:
    """Return a value as YAML of one line, which means the same wherever a value may stand."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return _text(value)
        case Decimal():
            return f"{value:f}"
        case int():
            return str(value)
        case list():
            return f"[{', '.join(map(written, value))}]"
        case _:
            return f"{{{', '.join(f'{_text(key)}: {written(item)}' for key, item in value.items())}}}"


def _text(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _OTHER_MEANING:
        return text
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    """Return a character as it stands between quotes. What cannot be seen is spelled out."""
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\x{number:02x}" if number <= 0xFF else f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
