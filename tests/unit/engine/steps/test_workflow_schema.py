"""Tests of the JSON Schema of workflow files: it accepts every valid file, and refuses the mistakes that it can see."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import jsonschema
import jsonschema_rs
import pytest

from engine.errors import DefinitionError
from engine.steps.param_texts import KINDS as KIND_TEXTS
from engine.steps.param_texts import PARAMS
from engine.steps.registry import builtin
from engine.steps.workflow_schema import param_names, param_text, workflow_schema
from engine.workflowfile import load, yaml_tree
from engine.workflowfile.grammar import FilePart
from engine.workflowfile.key_texts import TEXTS
from engine.workflowfile.key_types import key_names
from engine.workflowfile.report import ProblemReport
from tests.support import key_list, sample_workflows
from tests.support.documents import Page
from tests.support.workflow_files import FILES, KINDS

ROOT: Final = Path(__file__).parents[4]
TEMPLATES: Final = sorted((ROOT / "templates" / "workflows").glob("*.yaml"))
SCHEMA: Final = json.loads(json.dumps(workflow_schema(KINDS)))
VALIDATOR: Final = jsonschema_rs.Draft202012Validator(SCHEMA)


def tree(source: bytes) -> Any:
    """Return the values of a file as a program for JSON has them."""
    return _plain(ProblemReport(yaml_tree.read(source)).value(()))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


def faults(source: bytes) -> list[str]:
    """Return what the schema finds in a file."""
    return [f"{list(error.instance_path)}: {error.message}" for error in VALIDATOR.iter_errors(tree(source))]


def is_valid(source: bytes) -> bool:
    """Return whether the product accepts a file."""
    try:
        load(source, kinds=KINDS)
    except DefinitionError:
        return False
    return True


# -- it is true to the grammar --------------------------------------------------------------------------------


def test_it_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def _models(base: type[FilePart] = FilePart) -> set[type[FilePart]]:
    return {model for one in base.__subclasses__() for model in (one, *_models(one))}


def test_every_part_and_every_key_has_its_sentence() -> None:
    assert {*TEXTS} >= _models()
    for model, texts in TEXTS.items():
        assert {*texts.keys} == {*key_names(model)}, model.__name__


def test_every_step_type_and_every_parameter_has_its_sentence() -> None:
    kinds = builtin()
    assert {*KIND_TEXTS} == {*PARAMS} == {*kinds}
    for name, kind in kinds.items():
        assert {*PARAMS[name]} == {*param_names(kind)}, name


def test_parameters_of_other_step_types_are_described_by_their_own_models() -> None:
    assert param_names(KINDS["page"]) == ("to", "level")
    assert param_text(KINDS["page"], "to") == ""


def test_the_page_and_the_schema_beside_the_templates_are_made_from_the_code() -> None:
    hint = "Write them anew: .venv/bin/python -m tests.support.key_list"
    assert key_list.PAGE.read_text(encoding="utf-8") == key_list.page(), hint
    assert key_list.SCHEMA.read_text(encoding="utf-8") == key_list.schema(), hint


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_every_template_names_the_schema_beside_it(path: Path) -> None:
    first = path.read_text(encoding="utf-8").splitlines()[0]
    name = first.removeprefix("# yaml-language-server: $schema=")
    assert path.parent / name == key_list.SCHEMA


# -- it accepts every valid file ------------------------------------------------------------------------------

_DOCUMENTED: Final = [block.text for block in Page.of("workflows.md").blocks if block.info == "yaml"]
_SAMPLES: Final = [
    text for text in vars(sample_workflows).values() if isinstance(text, str) and text.lstrip().startswith("name:")
]
_FILES: Final = [*TEMPLATES, *sorted(FILES.glob("*.yaml")), *sorted((FILES / "cases").glob("*.yaml"))]


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_it_accepts_every_valid_file(path: Path) -> None:
    source = path.read_bytes()
    if is_valid(source):
        assert faults(source) == []


@pytest.mark.parametrize("text", [*_DOCUMENTED, *_SAMPLES])
def test_it_accepts_every_valid_text(text: str) -> None:
    source = text.encode()
    if is_valid(source):
        assert faults(source) == []


# -- it refuses the mistakes that it can see ------------------------------------------------------------------

_FAULTY: Final = {
    "03-empty-list": "a list that is empty where only the meaning of a gate forbids it",
    "07-nbsp-indent": "characters that look like spaces",
    "08-nbsp-trailing": "characters that look like spaces",
    "09-curly-quotes": "curly quotes inside an expression",
    "13-when-compares-texts": "what an expression compares",
}
"""The faulty files whose fault no schema can see, and of what kind it is."""


@pytest.mark.parametrize("path", sorted((FILES / "cases").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_faulty_files_that_it_does_not_refuse_are_known(path: Path) -> None:
    assert is_valid(path.read_bytes()) is (path.stem not in _FAULTY)


_STEP: Final = "name: a\nsteps:\n  - {id: a, uses: set"
_SEEN: Final = {
    "an unknown key": "name: a\nstep: []\nsteps: [{id: a, uses: set}]",
    "no steps": "name: a",
    "an empty list of steps": "name: a\nsteps: []",
    "a name with capitals": "name: A\nsteps: [{id: a, uses: set}]",
    "a step without uses": "name: a\nsteps: [{id: a}]",
    "an unknown step type": "name: a\nsteps: [{id: a, uses: htpp}]",
    "an unknown key of a step": f"{_STEP}, whith: {{}}}}",
    "an unknown key of a gate": f"{_STEP}, gate: {{approver: owner}}}}",
    "a word that a key does not take": f"{_STEP}, on_error: retry}}",
    "a condition without braces": f'{_STEP}, when: "inputs.a > 1"}}',
    "a duration without a unit": f"{_STEP}, gate: {{expires: 4}}}}",
    "a policy with two keys": f"{_STEP}, gate: {{policy: {{quorum: 2, chain: [[a@b.c]]}}}}}}",
    "a quorum of none": f"{_STEP}, gate: {{policy: {{quorum: 0}}}}}}",
    "an unknown field type": "name: a\ninputs: {a: string}\nsteps: [{id: a, uses: set}]",
    "an unknown key of a field": "name: a\ninputs: {a: {type: text, lable: A}}\nsteps: [{id: a, uses: set}]",
    "an input with a dash": "name: a\ninputs: {a-b: text}\nsteps: [{id: a, uses: set}]",
    "an unknown parameter": "name: a\nsteps: [{id: a, uses: http, with: {adress: x, url: https://a.example}}]",
    "a missing parameter": "name: a\nsteps: [{id: a, uses: http, with: {method: GET}}]",
    "a parameter of another kind": "name: a\nsteps: [{id: a, uses: run, with: {workflow: [b]}}]",
    "a form without fields": "name: a\nsteps: [{id: a, uses: form}]",
    "a path without steps": 'name: a\nsteps: [{id: a, uses: branch, paths: {b: {when: "{{ inputs.x }}"}}}]',
    "a trigger of two kinds": "name: a\ntriggers: [{message: true, email: true}]\nsteps: [{id: a, uses: set}]",
    "an unknown level": f"{_STEP}, gate: {{risk: {{levels: {{huge: {{policy: all}}}}}}}}}}",
    "a rule that does nothing": "name: a\nrules: [{tool: x}]",
    "an answer that there is none": f"{_STEP}}}\nexamples: [{{name: b, answers: {{a: agree}}, expect: {{}}}}]",
}


@pytest.mark.parametrize("kind", _SEEN)
def test_it_refuses_the_mistakes_that_it_can_see(kind: str) -> None:
    source = _SEEN[kind].encode()
    assert not is_valid(source)
    assert faults(source) != []
