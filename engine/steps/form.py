"""`form`: asks people for input."""

from __future__ import annotations

from typing import ClassVar

from engine.steps.set import SetStep
from engine.workflowfile.step_kinds import FORM


class FormStep(SetStep):
    """A `set` whose values people fill in: its parameters are its fields, and the gate that it always has asks them."""

    name: ClassVar[str] = FORM
