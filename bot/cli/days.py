"""Days in arguments."""

from __future__ import annotations

from typing import Any, Final

import click


class _Day(click.DateTime):
    """A day, with a sentence about what is none that shows one."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            return self.fail("Write the day like 2026-11-01.", param, ctx)


DAY: Final = _Day(formats=["%Y-%m-%d"])
