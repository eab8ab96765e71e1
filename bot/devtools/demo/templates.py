"""The files of the ready-made workflows."""

from __future__ import annotations

from pathlib import Path

from bot import template_files
from engine.errors import SignoffError


class TemplateMissing(SignoffError):
    """A ready-made workflow is missing in this installation, or has an unexpected text."""


def read_workflow(name: str) -> str:
    """Read the text of `workflows/NAME.yaml`. Raises `TemplateMissing`."""
    file = template_files.folder() / "workflows" / f"{name}.yaml"
    if not file.is_file():
        raise TemplateMissing(f"This installation lacks the workflow {name}.yaml; install Signoff again.")
    return file.read_text(encoding="utf-8")


def answers(name: str) -> Path:
    """Return the file with the answers of a language model that were recorded for a workflow."""
    return template_files.folder() / "answers" / f"{name}.json"


def replace_once(text: str, before: str, after: str) -> str:
    """Replace a part of the text. Raises `TemplateMissing` unless the part occurs exactly once."""
    if text.count(before) != 1:
        raise TemplateMissing(f"The ready-made workflow no longer says {before!r} exactly once.")
    return text.replace(before, after)
