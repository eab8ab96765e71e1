"""Commands that are imported when they are called, so that no command waits for the imports of the others."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyCommand(click.Command):
    """A command's name and summary for the list of its group. `target` is `module:name` in this package."""

    def __init__(self, name: str, target: str, summary: str) -> None:
        super().__init__(name, help=summary)
        self._target = target

    def load(self) -> click.Command:
        """Import the command and return it."""
        module, _, name = self._target.partition(":")
        command = getattr(importlib.import_module(f"bot.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return command


class LazyGroup(click.Group):
    """A group of commands, some of which are imported when they are called; `obj`, if any, is called after that.

    `elsewhere`: what to do instead, by the name of a command that people know from another surface.
    """

    def __init__(self, *arguments: Any, elsewhere: Mapping[str, str] | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._elsewhere = elsewhere or {}

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that is called, imported."""
        if args and args[0] in self._elsewhere:
            ctx.fail(f"There is no command {args[0]} in the terminal. {self._elsewhere[args[0]]}")
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, LazyCommand):
            command = command.load()
            if ctx.obj is not None:
                ctx.obj()
        return name, command, rest
