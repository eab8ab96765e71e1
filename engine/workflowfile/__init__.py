"""The workflow language: the bytes of a YAML file -> a `Workflow`, or everything that is wrong with them.

`load` (in `compile`) is the way in: `yaml` makes a tree with places, `grammar` are the models of its parts, `reading`
reads each part by itself, `references`, `editable` and `checks` judge what needs more than one value, `not_yet` lists
what the engine cannot do so far, `problems` collects. The result is in `workflow`; `kinds` is what this package needs
to know of a kind of step. May import: expressions, fields, durations, model, data, errors.
"""

from engine.workflowfile.loader import load
from engine.workflowfile.step_kinds import Nature, StepKind
from engine.workflowfile.workflow import Gate, ShownItem, Step, Workflow

__all__ = ["Gate", "Nature", "ShownItem", "Step", "StepKind", "Workflow", "load"]
