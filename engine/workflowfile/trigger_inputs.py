"""The inputs that a trigger gives: each by itself, so that one that a message does not have hides no other. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from engine.errors import ExpressionError
from engine.expressions import compile_value
from engine.json_values import Value
from engine.workflowfile.workflow import Trigger


def fill(trigger: Trigger, names: Mapping[str, Value]) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the inputs that a trigger gives, and the error of each that it cannot give for what came.

    `names`: what `trigger` holds.
    """
    assert isinstance(trigger.inputs.value, dict)
    inputs, errors = dict[str, Value](), dict[str, str]()
    for name, value in trigger.inputs.value.items():
        try:
            inputs[name] = compile_value(value).render({"trigger": dict(names)})
        except ExpressionError as error:
            errors[name] = str(error)
    return inputs, errors
