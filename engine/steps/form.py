"""`form`: asks people for input."""

from __future__ import annotations

from typing import ClassVar

from engine.steps.set import SetStep
from engine.workflowfile.step_kinds import FORM


class FormStep(SetStep):
    """A `set` whose values people fill in: its parameters are the fields, and its gate asks for them."""

    name: ClassVar[str] = FORM
