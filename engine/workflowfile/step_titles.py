"""The titles of steps, read from a registered file without compiling it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.errors import DefinitionError
from engine.json_values import Value
from engine.workflowfile import yaml_tree
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.rule import RULES
from engine.workflowfile.rule_reader import read_rules
from engine.workflowfile.scalars import has_expression
from engine.workflowfile.workflow import label_of


def as_step_title(title: str | None) -> str:
    """Return the title of a step, or an empty text.

    The title of a form is its question, which may hold expressions. Such a form has no title as a step.
    """
    return title if title and not has_expression(title) else ""


def load_step_labels(source: bytes) -> Mapping[str, str]:
    """Return the title of each step by its id, or its id in words. A file that cannot be read any more has none."""
    try:
        document = yaml_tree.read(source)
    except DefinitionError:
        return {}
    root = document.root.value
    if isinstance(root, dict) and RULES in root:
        return dict(_iter_rules(ProblemReport(document, registered=True), root))
    steps = root.get("steps") if isinstance(root, dict) else None
    return dict(_iter_labels(steps)) if isinstance(steps, list) else {}


def _iter_rules(report: ProblemReport, root: dict[str, Value]) -> Iterator[tuple[str, str]]:
    for draft in read_rules(report, root):
        if draft.id is not None:
            yield draft.id, label_of(draft.id, draft.rule.label if draft.rule is not None else "")


def _iter_labels(steps: list[Value]) -> Iterator[tuple[str, str]]:
    for step in steps:
        if isinstance(step, dict) and isinstance(name := step.get("id"), str):
            title = step.get("title")
            yield name, label_of(name, as_step_title(title if isinstance(title, str) else None))
            for inner in _iter_inner(step):
                yield from _iter_labels(inner)


def _iter_inner(step: dict[str, Value]) -> Iterator[list[Value]]:
    """Yield the lists of steps inside a step."""
    paths = step.get("paths")
    of_paths = (
        [path.get("steps") for path in paths.values() if isinstance(path, dict)] if isinstance(paths, dict) else []
    )
    for inner in (*of_paths, step.get("otherwise"), step.get("steps")):
        if isinstance(inner, list):
            yield inner
