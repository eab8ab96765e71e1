"""The workflow language: reads the bytes of a YAML file into a `Workflow`, or reports all problems of the file.

`loader.load` is the entry point. `yaml_tree` parses the file into a tree with positions. `grammar` has the models of
its parts, and `draft` reads each part by itself. `expression_scope`, `declarations`, `checks`, `approver_checks` and
`edit_checks` judge values that depend on each other. `trigger_compiler` reads what starts runs. `unsupported` lists the
parts of the grammar that are not built yet. `report` collects the problems. The result is a `workflow.Workflow`.
`step_kinds` declares what this package needs to know about a kind of step. `step_titles` reads titles alone.
"""

from engine.workflowfile.autonomy import Autonomy
from engine.workflowfile.loader import load
from engine.workflowfile.step_kinds import Nature, StepKind
from engine.workflowfile.step_titles import load_step_labels
from engine.workflowfile.value_labels import ValueLabels, load_value_labels
from engine.workflowfile.workflow import (
    Gate,
    GatePolicy,
    ShownItem,
    Step,
    Trigger,
    Workflow,
    reaction_identity,
)

__all__ = [
    "Autonomy",
    "Gate",
    "GatePolicy",
    "Nature",
    "ShownItem",
    "Step",
    "StepKind",
    "Trigger",
    "ValueLabels",
    "Workflow",
    "load",
    "load_step_labels",
    "load_value_labels",
    "reaction_identity",
]
