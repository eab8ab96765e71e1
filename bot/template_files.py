"""The folder of templates: inside the package in a wheel, beside it in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import bot
from engine.errors import SignoffError

_PACKAGE: Final = Path(bot.__file__).parent


class TemplatesMissing(SignoffError):
    """Files of this installation are missing."""


def folder() -> Path:
    """Return the folder of the templates. Raises `TemplatesMissing`."""
    for parent in _PACKAGE / "_templates", _PACKAGE.parent / "templates":
        if (parent / "pages").is_dir():
            return parent
    raise TemplatesMissing("This installation lacks its templates; install Signoff again.")
