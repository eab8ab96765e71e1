"""The ready-made workflows, which lie inside the package in a wheel and beside it in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import bot
from engine.errors import SignoffError

_PACKAGE: Final = Path(bot.__file__).parent


class TemplateMissing(SignoffError):
    """A ready-made workflow that this installation should have, and has not; or one that is not what we know."""


def workflow(name: str) -> str:
    """The text of `workflows/NAME.yaml`. Raises `TemplateMissing`."""
    for folder in _PACKAGE / "_templates", _PACKAGE.parent / "templates":
        file = folder / "workflows" / f"{name}.yaml"
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise TemplateMissing(f"This installation lacks the workflow {name}.yaml; install Signoff again.")


def changed(text: str, before: str, after: str) -> str:
    """The text with one place replaced. Raises `TemplateMissing` unless the place is there exactly once."""
    if text.count(before) != 1:
        raise TemplateMissing(f"The ready-made workflow no longer says {before!r} exactly once.")
    return text.replace(before, after)
