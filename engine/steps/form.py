"""`form`: asks people for input."""

from __future__ import annotations

from typing import ClassVar

from engine.definition.kinds import FORM
from engine.steps.set import Set


class Form(Set):
    """A `set` whose values people fill in: its parameters are its fields, and the gate that it always has asks them."""

    name: ClassVar[str] = FORM
