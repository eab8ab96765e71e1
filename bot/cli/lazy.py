"""Commands that are imported when they are called: what one of them needs would keep all others waiting."""

from __future__ import annotations

import importlib

import click


class LazyCommand(click.Command):
    """What the list of a group shows of a command, until it is called. `place`: `module:name` in this package."""

    def __init__(self, name: str, place: str, told: str) -> None:
        super().__init__(name, help=told)
        self._place = place

    def load(self) -> click.Command:
        """The command itself."""
        module, _, name = self._place.partition(":")
        command = getattr(importlib.import_module(f"bot.cli.{module}"), name)
        assert isinstance(command, click.Command)
        return command


class LazyGroup(click.Group):
    """A group whose commands may come later."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """What is called, imported by now."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.load() if isinstance(command, LazyCommand) else command, rest
