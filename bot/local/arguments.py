"""Reads the arguments of commands. They are checked, because a process can write anything to the socket."""

from __future__ import annotations

from typing import Any

from engine.domain import Address
from engine.json_values import Value
from engine.references import parse


def read_text(arguments: dict[str, Any], name: str) -> str:
    """Return a text."""
    value = arguments[name]
    if not isinstance(value, str):
        raise TypeError(f"{name} is not a text")
    return value


def read_address(arguments: dict[str, Any], name: str) -> Address:
    """Return the address that a text names, checked by the command line already."""
    reference = parse(read_text(arguments, name))
    if reference is None or not reference.is_address:
        raise TypeError(f"{name} is not an address")
    return reference.address


def optional_text(arguments: dict[str, Any], name: str) -> str | None:
    """Return a text, or None without one."""
    return read_text(arguments, name) if arguments.get(name) is not None else None


def optional_number(arguments: dict[str, Any], name: str) -> int | None:
    """Return a whole number, or None without one."""
    value = arguments.get(name)
    if value is not None and type(value) is not int:
        raise TypeError(f"{name} is not a number")
    return value


def optional_address(arguments: dict[str, Any], name: str) -> Address | None:
    """Return the address that a text names, or None without one."""
    return read_address(arguments, name) if arguments.get(name) is not None else None


def read_mapping(value: Any) -> dict[str, Value]:
    """Return the value, which must be a mapping."""
    if not isinstance(value, dict):
        raise TypeError("this is not a mapping")
    return value


def read_texts(arguments: dict[str, Any], name: str) -> dict[str, str]:
    """Return a mapping of texts."""
    texts = read_mapping(arguments[name])
    return {key: read_text(texts, key) for key in texts}
