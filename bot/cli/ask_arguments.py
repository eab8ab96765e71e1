"""What is typed after `signoff ask`, as the content of an ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import click

EVERYTHING: Final = "*"
"""What stands for all names behind --editable."""


class CommandAfterDashes(click.Command):
    """A command whose words after `--` are another command, which runs when this one succeeds.

    click would read them as arguments also without the `--`, and a title without quotes would become a command.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the words after the first `--` in `ctx.meta`."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[__name__] = args[end + 1 :]
        if end == len(args) - 1:
            ctx.fail("There is no command after the --. Write it there, or remove the --.")
        try:
            return super().parse_args(ctx, args[:end])
        except click.UsageError as error:
            is_letter = isinstance(error, click.NoSuchOption) and not error.option_name.startswith("--")
            if end == len(args) and (is_letter or "unexpected extra argument" in error.message):
                ctx.fail(f"{error.message.rstrip('.')}. Put the title in quotes, and a command to run after --.")
            raise

    @staticmethod
    def words(ctx: click.Context) -> list[str]:
        """Return the words of the other command, or none."""
        words: list[str] = ctx.meta[__name__]
        return words


def fields_of(typed: Iterable[str]) -> dict[str, Any]:
    """Return the declarations of `NAME=TYPE`, whose type can also be a declaration in JSON."""
    declarations = dict[str, Any]()
    for text in typed:
        name, declaration = _pair(text, "--field", "NAME=TYPE")
        declarations[name] = json_of(declaration, f"--field {name}") if declaration.startswith("{") else declaration
    return declarations


def arguments_of(as_json: str | None, typed: Iterable[str], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments: those in JSON, and each `NAME=TEXT` and `NAME:=JSON`. A declared field has its type."""
    arguments = {} if as_json is None else json_of(as_json, "--arguments")
    if not isinstance(arguments, dict):
        raise click.UsageError("--arguments: write a JSON object, like '{\"amount\": 120}'.")
    for text in typed:
        name, value = _pair(text, "-a", "NAME=VALUE")
        if name.endswith(":"):
            name = name[:-1]
            arguments[name] = json_of(value, f"-a {name}")
        else:
            arguments[name] = _typed(name, value, fields[name]) if name in fields else value
    return arguments


def editable_of(names: Iterable[str]) -> bool | list[str]:
    """Return what the approver may change."""
    listed = [*dict.fromkeys(name.strip() for typed in names for name in typed.split(","))]
    return True if EVERYTHING in listed else [name for name in listed if name]


def seconds_of(duration: str | None, option: str) -> float | None:
    """Return a duration in seconds. Raises `click.UsageError`."""
    from engine import durations
    from engine.errors import InvalidValue

    try:
        return None if duration is None else durations.parse(duration).total_seconds()
    except InvalidValue as error:
        raise click.UsageError(f"{option}: {error}.") from None


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip(" :"):
        raise click.UsageError(f"{option}: write {form}, not {text[:60]!r}.")
    return name.strip(), value


def json_of(text: str, where: str) -> Any:
    from signoff import json_text

    try:
        return json_text.decode(text)
    except ValueError:
        raise click.UsageError(f"{where}: this is not JSON: {text[:60]!r}.") from None


def _typed(name: str, text: str, declaration: object) -> Any:
    """Return a typed text as a value of its declared type. Raises `click.UsageError`."""
    from pydantic import ValidationError

    from engine import fields
    from engine.errors import InvalidValue
    from engine.fields import Field

    try:
        field = Field.model_validate(declaration if isinstance(declaration, dict) else {"type": declaration})
    except ValidationError:
        return text  # the server says what is wrong with the declaration
    try:
        return fields.from_text(field, text)
    except InvalidValue as error:
        raise click.UsageError(f"-a {name}: The value {error}.") from None
