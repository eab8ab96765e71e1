"""The page of all keys and the JSON Schema beside the templates: python -m tests.support.key_list"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from engine.fields.field import Field, Option
from engine.steps import registry
from engine.steps.workflow_schema import kind_text, param_names, param_text, parts, required_params, workflow_schema
from engine.workflowfile.grammar import BranchStepFile, ForeachStepFile, FormStepFile, StepFile
from engine.workflowfile.key_texts import TEXTS
from engine.workflowfile.key_types import key_names, key_type

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "workflow-keys.md"
SCHEMA: Final = ROOT / "templates" / "workflows" / "workflow.schema.json"
_HEAD: Final = """\
# All keys of a workflow file

Every key and every step type, made from the code that reads them. [The workflow file](workflows.md) explains them with
examples, and `signoff schema` prints the same as a JSON Schema for editors.
`python -m tests.support.key_list` writes this page; a test compares it with the code.
"""


def page() -> str:
    """Return the page as it has to be."""
    return _HEAD + "".join([*map(_part, parts()), *_kinds()])


def schema() -> str:
    """Return the schema as it has to be beside the templates."""
    return json.dumps(workflow_schema(registry.builtin()), indent=1) + "\n"


def _part(model: type[BaseModel]) -> str:
    texts = TEXTS[model]
    rows = [_row(model, key) for key in key_names(model) if not _is_inherited(model, key)]
    beside = f"The keys of a step{' and of a gate' if model is FormStepFile else ''}, and:\n\n"
    lead = beside if issubclass(model, StepFile) and model is not StepFile else ""
    return f"\n## {texts.title}\n\n{lead}{_table(('key', 'value', 'default', 'what it means'), rows)}"


def _is_inherited(model: type[BaseModel], key: str) -> bool:
    own = {FormStepFile: ("fields",), BranchStepFile: ("paths", "otherwise"), ForeachStepFile: ("steps",)}.get(model)
    return own is not None and key not in own


def _row(model: type[BaseModel], key: str) -> tuple[str, ...]:
    info = key_names(model)[key]
    default = info.default
    needed = info.is_required() and not (model is Option and key == "label")
    shown = (
        "needed" if needed else f"`{_written(default)}`" if isinstance(default, str | bool | int) and default else ""
    )
    if model is Field and key == "required":
        shown = ""
    return f"`{key}`", key_type(model, key).words, shown, TEXTS[model].keys[key]


def _written(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def _kinds() -> Iterator[str]:
    yield "\n# Step types\n"
    for name, kind in registry.builtin().items():
        rows = [
            (f"`{param}`", "needed" if param in required_params(kind) else "", param_text(kind, param))
            for param in param_names(kind)
        ]
        table = _table(("parameter", "", "what it means"), rows) if rows else _without_parameters(name)
        yield f"\n## `{name}`\n\n{kind_text(kind)}\n\n{table}"


def _without_parameters(name: str) -> str:
    return "`with` holds the values by name.\n" if name == "set" else "It has no parameters under `with`.\n"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    SCHEMA.write_text(schema(), encoding="utf-8")
