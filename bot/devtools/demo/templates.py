"""The files of the ready-made workflows: inside the package in a wheel, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import bot
from engine.errors import SignoffError

_PACKAGE: Final = Path(bot.__file__).parent


class TemplateMissing(SignoffError):
    """A ready-made workflow is missing in this installation, or has an unexpected text."""


def read_workflow(name: str) -> str:
    """Read the text of `workflows/NAME.yaml`. Raises `TemplateMissing`."""
    for folder in _PACKAGE / "_templates", _PACKAGE.parent / "templates":
        file = folder / "workflows" / f"{name}.yaml"
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise TemplateMissing(f"This installation lacks the workflow {name}.yaml; install Signoff again.")


def replace_once(text: str, before: str, after: str) -> str:
    """Replace a part of the text. Raises `TemplateMissing` unless the part occurs exactly once."""
    if text.count(before) != 1:
        raise TemplateMissing(f"The ready-made workflow no longer says {before!r} exactly once.")
    return text.replace(before, after)
