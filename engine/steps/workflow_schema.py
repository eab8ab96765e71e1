"""The JSON Schema of workflow files (2020-12), made from the grammar and the step types. Pure.

Editors complete keys and show mistakes with it. It accepts every valid file; what it cannot see, such as names that do
not exist, `signoff check` finds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from engine.fields.field import Field
from engine.steps.param_texts import KINDS, PARAMS
from engine.workflowfile import grammar, rule_grammar
from engine.workflowfile.grammar import StepFile
from engine.workflowfile.key_texts import TEXTS
from engine.workflowfile.key_types import EXPRESSION, Schema, key_names, part_name, part_schema, ref
from engine.workflowfile.step_kinds import ASK, BRANCH, FOREACH, FORM, StepKind

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NOT_IN_A_FORM: Final = frozenset({"gate", "at", "edit", "with"})
_MODELS: Final[Mapping[str, type[StepFile]]] = {
    FORM: grammar.FormStepFile,
    BRANCH: grammar.BranchStepFile,
    FOREACH: grammar.ForeachStepFile,
}


def step_model(kind: str) -> type[StepFile]:
    """Return the grammar of a step of this kind."""
    return _MODELS.get(kind, StepFile)


def parts() -> tuple[type[BaseModel], ...]:
    """Return the parts of a workflow file, in the order in which they are described."""
    return (*TEXTS,)


def param_text(kind: StepKind, name: str) -> str:
    """Return what a parameter means: of a step type of another distribution, as its model says."""
    text = PARAMS.get(kind.name, {}).get(name)
    return text if text is not None else _params(kind)[name].description or ""


def kind_text(kind: StepKind) -> str:
    """Return what a kind of step does: of one of another distribution, by the first line of its docstring."""
    return KINDS.get(kind.name) or (type(kind).__doc__ or kind.name).strip().splitlines()[0]


def param_names(kind: StepKind) -> tuple[str, ...]:
    """Return the names of the parameters of a kind."""
    return (*PARAMS[ASK],) if kind.name == ASK else (*_params(kind),)


def required_params(kind: StepKind) -> tuple[str, ...]:
    """Return the names of the parameters that have to be given."""
    return tuple(name for name, info in _params(kind).items() if info.is_required())


def workflow_schema(kinds: Mapping[str, StepKind]) -> dict[str, Any]:
    """Return the JSON Schema of files that may use these kinds of steps."""
    return {
        "$schema": DIALECT,
        "title": "A workflow of Signoff",
        "description": "What it means, key by key: docs/workflows.md",
        "type": "object",
        "if": {"required": ["rules"]},
        "then": ref(part_name(rule_grammar.RulesFile)),
        "else": ref(part_name(grammar.WorkflowFile)),
        "$defs": {
            **dict(_parts()),
            "step": _step(kinds),
            **{f"step_{name}": _kind(kinds[name]) for name in sorted(kinds)},
        },
    }


def _parts() -> Iterator[tuple[str, Schema]]:
    for model in TEXTS:
        if not issubclass(model, StepFile):
            yield part_name(model), part_schema(model)


def _step(kinds: Mapping[str, StepKind]) -> Schema:
    """Return the schema of a step, which leads on to that of its kind."""
    texts = TEXTS[StepFile].keys
    uses = {"title": "the kind of the step", "description": texts["uses"], "enum": sorted(kinds)}
    leads = [
        {"if": {"properties": {"uses": {"const": name}}, "required": ["uses"]}, "then": ref(f"step_{name}")}
        for name in sorted(kinds)
    ]
    return {
        "title": "A step",
        "type": "object",
        "properties": {"id": {"description": texts["id"]}, "uses": uses},
        "required": ["id", "uses"],
        "allOf": leads,
    }


def _kind(kind: StepKind) -> Schema:
    """Return the schema of a step of one kind."""
    schema = part_schema(step_model(kind.name), without=_NOT_IN_A_FORM if kind.name == FORM else frozenset())
    schema["title"] = f"{kind.name}: {kind_text(kind)}"
    schema["properties"]["uses"] = {"const": kind.name, "description": kind_text(kind)}
    if kind.name != FORM:
        described = schema["properties"]["with"]["description"]
        schema["properties"]["with"] = {"description": described, **_with(kind)}
        if required_params(kind):
            schema["required"] = [*schema["required"], "with"]
    return schema


def _with(kind: StepKind) -> Schema:
    allows_others = kind.Params.model_config.get("extra") == "allow" and kind.name != ASK
    hints = get_type_hints(kind.Params, include_extras=True)
    names = {info.alias or name: name for name, info in kind.Params.model_fields.items()}
    return {
        "type": "object",
        "properties": {
            name: {"description": param_text(kind, name), **_param(hints.get(names.get(name, ""), Any))}
            for name in param_names(kind)
        },
        "required": [*required_params(kind)],
        "additionalProperties": allows_others,
    }


def _params(kind: StepKind) -> dict[str, Any]:
    return key_names(kind.Params)


def _param(hint: Any) -> Schema:
    """Return the schema of a parameter. An expression may stand in the place of every value."""
    if get_origin(hint) is Annotated:
        return _param(get_args(hint)[0])
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        members = [one for one in get_args(hint) if one is not NoneType]
        return _param(members[0]) if len(members) == 1 else {}
    if origin is Literal:
        # The step may read other spellings; the words are what an editor offers.
        return {"anyOf": [{"enum": [*get_args(hint)]}, {"type": "string"}]}
    if origin is dict and get_args(hint)[1] is Field:
        return {"type": "object", "additionalProperties": ref(part_name(Field))}
    return _PLAIN.get(origin or hint, {})


_PLAIN: Final[Mapping[Any, Schema]] = {
    str: {"type": "string"},
    int: {"anyOf": [{"type": "integer"}, EXPRESSION]},
    bool: {"anyOf": [{"type": "boolean"}, EXPRESSION]},
    dict: {"anyOf": [{"type": "object"}, EXPRESSION]},
    list: {"anyOf": [{"type": "array"}, EXPRESSION]},
    tuple: {"anyOf": [{"type": "array"}, EXPRESSION]},
}
