"""The types of the keys of a workflow file, as JSON Schema and in words, read from the models of the grammar. Pure.

The schema accepts every value that the grammar accepts. It refuses the mistakes that a schema can see; the others are
found by `signoff check`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Final, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from engine.domain import TriggerKind
from engine.fields import FieldType
from engine.fields.field import MAX_OPTIONS, Field, Option
from engine.workflowfile import grammar, risk_grammar, route_grammar, rule_grammar, scalars
from engine.workflowfile.ask_names import RISKS
from engine.workflowfile.key_texts import TEXTS

Schema: TypeAlias = dict[str, Any]

TEXT: Final[Schema] = {"type": "string", "pattern": r"\S"}
EXPRESSION: Final[Schema] = {"type": "string", "pattern": r"\{\{"}
_NAME: Final = {"pattern": f"^{scalars.NAME.pattern}$"}
_NO_EXPRESSION: Final = r"(?![\s\S]*\{[{%#])"


@dataclass(frozen=True, slots=True)
class KeyType:
    """The type of a value: its schema, and the words for it."""

    schema: Schema
    words: str


def ref(name: str) -> Schema:
    """Return a reference to a part of the schema."""
    return {"$ref": f"#/$defs/{name}"}


def part_name(model: type[BaseModel]) -> str:
    """Return the name of a part in the schema: `GateFile` is "gate"."""
    return model.__name__.removesuffix("File").lower()


def _literal_text(most: int, *, lines: bool = False) -> Schema:
    any_character = r"[\s\S]" if lines else r"[^\n\r]"
    return {"type": "string", "pattern": rf"^{_NO_EXPRESSION}\s*\S{any_character}{{0,{most - 1}}}\s*$"}


def _one_or_more(item: Schema) -> Schema:
    return {"anyOf": [{"type": "string", "pattern": r"\S"}, {"type": "array", "items": item}]}


_DURATION: Final = KeyType({"type": "string", "pattern": r"^\s*[0-9]"}, "a duration, like 4h")
_SCALARS: Final[tuple[tuple[object, KeyType], ...]] = (
    (scalars.WorkflowName, KeyType({"type": "string", "pattern": f"^{scalars.WORKFLOW_NAME.pattern}$"}, "a name")),
    (scalars.StepId, KeyType({"type": "string", **_NAME}, "the id of a step")),
    (
        scalars.SecretRef,
        KeyType({"type": "string", "pattern": f"^{scalars.SECRET_NAME.pattern}$"}, "a name in capitals"),
    ),
    (scalars.Title, KeyType(_literal_text(scalars.MAX_TITLE), f"a text in one line, up to {scalars.MAX_TITLE}")),
    (scalars.Label, KeyType(_literal_text(scalars.MAX_LABEL), f"a text in one line, up to {scalars.MAX_LABEL}")),
    (
        scalars.Description,
        KeyType(_literal_text(scalars.MAX_DESCRIPTION, lines=True), f"a text, up to {scalars.MAX_DESCRIPTION:,}"),
    ),
    (scalars.TemplateText, KeyType(TEXT, "a text, with expressions")),
    (
        scalars.Percent,
        KeyType({"type": "string", "pattern": r"^\s*[0-9]{1,2}(\.[0-9]{1,2})? ?%\s*$"}, "a share, like 10%"),
    ),
    (scalars.OneIn, KeyType({"type": "string", "pattern": r"^\s*1 in [0-9]{1,5}\s*$"}, "a share, like 1 in 50")),
    (scalars.HoldDuration, _DURATION),
    (scalars.ShortDuration, _DURATION),
    (scalars.Duration, _DURATION),
    (scalars.Condition, KeyType({"anyOf": [{"type": "boolean"}, EXPRESSION]}, "true, false or an expression")),
    (scalars.ScheduleText, KeyType(TEXT, "a schedule, like 0 9 * * mon")),
    (scalars.Zone, KeyType(TEXT, "a time zone, like Europe/Berlin")),
    (scalars.Header, KeyType(TEXT, "the name of a header")),
    (scalars.Starters, KeyType(_one_or_more(TEXT), "people, one or a list")),
    (scalars.People, KeyType(_one_or_more(TEXT), "people, one or a list")),
    (scalars.Owner, KeyType(TEXT, "a person")),
    (scalars.Person, KeyType(TEXT, "a person")),
    (scalars.Channel, KeyType(TEXT, "a Slack channel, like #approvals")),
    (scalars.Emoji, KeyType(TEXT, "the name of an emoji")),
    (rule_grammar.Patterns, KeyType(_one_or_more(TEXT), "a pattern, or a list of them")),
    (route_grammar.Departments, KeyType(_one_or_more(TEXT), "a department, or a list of them")),
    (
        rule_grammar.Risks,
        KeyType(
            {"anyOf": [{"enum": [*RISKS]}, {"type": "array", "items": {"enum": [*RISKS]}, "minItems": 1}]},
            f"one or more of {', '.join(f'`{risk}`' for risk in RISKS)}",
        ),
    ),
)
"""The single values of the language. Of two types with the same beginning, the narrower one stands first."""

_FIELDS: Final = KeyType(
    {"type": "object", "propertyNames": _NAME, "additionalProperties": ref("field")}, "fields by name"
)
_STEPS: Final = KeyType({"type": "array", "items": ref("step"), "minItems": 1}, "a list of steps")
_ROUTES: Final = KeyType(
    {"type": "object", "additionalProperties": {"type": "array", "items": ref("routerule"), "minItems": 1}},
    "rules by the name of the route",
)
_EDITED: Final = {"type": "object", "additionalProperties": {"anyOf": [ref("field"), {"type": "null"}]}}
_ANSWER: Final[Schema] = {
    "anyOf": [
        {"enum": ["approve", "reject", "expire", "retry", "skip", "stop"]},
        ref("exampleanswer"),
    ]
}
_RAW: Final[Mapping[tuple[type, str], KeyType]] = {
    (grammar.GateFile, "edit"): KeyType(
        {
            "anyOf": [
                {"type": "array", "items": {"anyOf": [{"type": "string"}, {**_EDITED, "maxProperties": 1}]}},
                _EDITED,
            ]
        },
        "a list of fields, or fields with their types",
    ),
    (grammar.GateFile, "risk"): KeyType(ref("risk"), "a risk"),
    (grammar.StepFile, "gate"): KeyType({"anyOf": [{"type": "boolean"}, ref("gate")]}, "true, false or a gate"),
    (grammar.StepFile, "id"): KeyType({"type": "string", **_NAME}, "a name"),
    (grammar.FormStepFile, "fields"): KeyType({**_FIELDS.schema, "minProperties": 1}, _FIELDS.words),
    (grammar.PathFile, "steps"): _STEPS,
    (grammar.ForeachStepFile, "steps"): _STEPS,
    (grammar.BranchStepFile, "otherwise"): _STEPS,
    (grammar.BranchStepFile, "paths"): KeyType(
        {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {**_NAME, "not": {"const": grammar.OTHERWISE}},
            "additionalProperties": ref("path"),
        },
        "paths by name",
    ),
    (grammar.ExampleFile, "answers"): KeyType(
        {"type": "object", "additionalProperties": {"anyOf": [_ANSWER, {"type": "array", "items": _ANSWER}]}},
        "an answer by step, or a list of answers",
    ),
    (grammar.ExampleFile, "failures"): KeyType(
        {"type": "object", "additionalProperties": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]}},
        "an error by step, or a list of errors",
    ),
    (grammar.WorkflowFile, "inputs"): KeyType({**_FIELDS.schema, "maxProperties": grammar.MAX_INPUTS}, _FIELDS.words),
    (grammar.WorkflowFile, "steps"): KeyType({**_STEPS.schema, "maxItems": grammar.MAX_STEPS}, _STEPS.words),
    (grammar.WorkflowFile, "triggers"): KeyType(
        {"type": "array", "items": ref("trigger"), "maxItems": grammar.MAX_TRIGGERS}, "a list of triggers"
    ),
    (grammar.WorkflowFile, "routes"): _ROUTES,
    (rule_grammar.RulesFile, "routes"): _ROUTES,
    (rule_grammar.RulesFile, "rules"): KeyType(
        {"type": "array", "items": ref("rule"), "minItems": 1, "maxItems": rule_grammar.MAX_RULES}, "a list of rules"
    ),
    (rule_grammar.RuleFile, "gate"): KeyType({"anyOf": [{"type": "boolean"}, ref("gate")]}, "true or a gate"),
    (risk_grammar.RiskFile, "levels"): KeyType(
        {
            "type": "object",
            "propertyNames": {"enum": [*RISKS]},
            "additionalProperties": ref("level"),
            "minProperties": 1,
        },
        "levels by name",
    ),
    (risk_grammar.LevelFile, "if"): KeyType(
        {"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}, "minItems": 1}]},
        "conditions, or a list of alternatives",
    ),
}
"""The keys whose values other modules read, part by part."""

_OPTION: Final[Schema] = {"anyOf": [{"type": "string"}, ref("option")]}
_FIELD_KEYS: Final[Mapping[str, KeyType]] = {
    "type": KeyType({"enum": [*FieldType]}, "the type of a field"),
    "label": KeyType({"type": "string"}, "a text"),
    "help": KeyType({"type": "string"}, "a text"),
    "default": KeyType({}, "a value of the type"),
    "required": KeyType({"type": "boolean"}, "true, false"),
    "min": KeyType({"type": ["number", "string"]}, "a number or a date"),
    "max": KeyType({"type": ["number", "string"]}, "a number or a date"),
    "max_length": KeyType({"type": "integer", "minimum": 1}, "a whole number"),
    "options": KeyType({"type": "array", "items": _OPTION, "maxItems": MAX_OPTIONS}, "a list of options"),
    "currency": KeyType({"type": "string", "pattern": "^[A-Z]{3}$"}, "a currency, like EUR"),
    "types": KeyType({"type": "array", "items": {"type": "string"}}, "a list of media types"),
    "max_size": KeyType({"type": ["integer", "string"]}, "a size, like 5MB"),
    "blank": KeyType({"enum": ["null", "keep"]}, "`null`, `keep`"),
}
_OPTION_KEYS: Final = {"value": KeyType(TEXT, "a text"), "label": KeyType(TEXT, "a text")}
_WRITTEN_SHORT: Final[Mapping[type, Schema]] = {
    Field: {"enum": [*FieldType]},
    grammar.ShowFile: TEXT,
}
"""What may stand in the place of a mapping."""


_ONE_OF: Final[Mapping[type, tuple[str, ...]]] = {
    grammar.TriggerFile: tuple(TriggerKind),
    grammar.PolicyFile: ("quorum", "chain"),
    grammar.ExampleAnswerFile: ("edit", "reject", "revise", "retry"),
    rule_grammar.RuleFile: rule_grammar.ACTIONS,
}
"""Keys of which a part has exactly one."""


def key_names(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the keys of a part as the file writes them."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def key_type(model: type[BaseModel], key: str) -> KeyType:
    """Return the type of the values of a key."""
    if model is Field:
        return _FIELD_KEYS[key]
    if model is Option:
        return _OPTION_KEYS[key]
    for base in model.__mro__:
        if (raw := _RAW.get((base, key))) is not None:
            return raw
    name = next(name for name, info in model.model_fields.items() if (info.alias or name) == key)
    return type_of_hint(get_type_hints(model, include_extras=True)[name])


def part_schema(model: type[BaseModel], *, without: frozenset[str] = frozenset()) -> Schema:
    """Return the schema of a part of the file."""
    texts = TEXTS[model]
    keys = {key: info for key, info in key_names(model).items() if key not in without}
    schema: Schema = {
        "title": texts.title.replace("`", ""),
        "type": "object",
        "properties": {key: _described(key_type(model, key), texts.keys[key], info) for key, info in keys.items()},
        "required": [key for key, info in keys.items() if _is_required(model, key, info)],
        "additionalProperties": False,
    }
    if model in _ONE_OF:
        schema["oneOf"] = [{"required": [key]} for key in _ONE_OF[model]]
    short = _WRITTEN_SHORT.get(model)
    return schema if short is None else {"anyOf": [short, schema]}


def _is_required(model: type[BaseModel], key: str, info: FieldInfo) -> bool:
    # The label of an option is its value, unless it has one.
    return info.is_required() and not (model is Option and key == "label")


def _described(type_: KeyType, text: str, info: FieldInfo) -> Schema:
    default = info.default
    given = {"default": default} if isinstance(default, str | bool | int) and default != "" else {}
    schema = type_.schema if "$ref" not in type_.schema else {"allOf": [type_.schema]}
    return {"title": type_.words.replace("`", ""), "description": text, **schema, **given}


# -- hints ----------------------------------------------------------------------------------------------------


def type_of_hint(hint: object) -> KeyType:
    """Return the type of an annotation of the grammar."""
    for scalar, type_ in _SCALARS:
        if _begins_with(hint, scalar):
            return _bounded(type_, _metadata(hint))
    if get_origin(hint) is Annotated:
        return _bounded(type_of_hint(get_args(hint)[0]), _metadata(hint))
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _type_of_union([one for one in get_args(hint) if one is not NoneType])
    if origin is Literal:
        values = [*get_args(hint)]
        words = ", ".join(f"`{str(value).lower() if isinstance(value, bool) else value}`" for value in values)
        return KeyType({"enum": values}, words)
    if origin is list:
        item = type_of_hint(get_args(hint)[0])
        return KeyType({"type": "array", "items": item.schema}, f"a list, each {item.words}")
    if origin is dict:
        value = type_of_hint(get_args(hint)[1])
        return KeyType({"type": "object", "additionalProperties": value.schema}, f"{value.words} by name")
    return _plain_type(hint)


def _plain_type(hint: object) -> KeyType:
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        title = TEXTS[hint].title
        words = title[:1].lower() + title[1:] if title.startswith(("A ", "An ")) else "a mapping"
        return KeyType(ref(part_name(hint)), words)
    return _PLAIN[hint]


_PLAIN: Final[Mapping[object, KeyType]] = {
    bool: KeyType({"type": "boolean"}, "`true`, `false`"),
    int: KeyType({"type": "integer"}, "a whole number"),
    str: KeyType({"type": "string"}, "a text"),
    Any: KeyType({}, "any value"),
}


def _type_of_union(members: list[object]) -> KeyType:
    types = [type_of_hint(member) for member in members]
    if len(types) == 1:
        return types[0]
    return KeyType({"anyOf": [one.schema for one in types]}, " or ".join(one.words for one in types))


def _begins_with(hint: object, scalar: object) -> bool:
    """Return whether an annotation is a scalar, perhaps with more checks after its own."""
    if get_origin(hint) is not Annotated:
        return hint == scalar
    of_scalar = _metadata(scalar)
    return get_args(hint)[0] == get_args(scalar)[0] and _metadata(hint)[: len(of_scalar)] == of_scalar


def _metadata(hint: object) -> list[object]:
    return [*get_args(hint)[1:]]


_BOUNDS: Final[tuple[tuple[type, Callable[[Any], Schema]], ...]] = (
    (annotated_types.Ge, lambda bound: {"minimum": bound.ge}),
    (annotated_types.Le, lambda bound: {"maximum": bound.le}),
)
_LENGTHS: Final = (
    (annotated_types.MinLen, {"array": "minItems", "object": "minProperties", "string": "minLength"}, "min_length"),
    (annotated_types.MaxLen, {"array": "maxItems", "object": "maxProperties", "string": "maxLength"}, "max_length"),
)


def _bounded(type_: KeyType, metadata: list[object]) -> KeyType:
    """Return the type with the limits that an annotation adds."""
    limits = [limit for entry in metadata if isinstance(entry, FieldInfo) for limit in entry.metadata]
    schema, words = dict(type_.schema), type_.words
    for limit in limits:
        for kind, keyword in _BOUNDS:
            schema |= keyword(limit) if isinstance(limit, kind) else {}
        for kind, keywords, name in _LENGTHS:
            if isinstance(limit, kind) and (keyword_name := keywords.get(str(schema.get("type")))):
                schema[keyword_name] = getattr(limit, name)
    if "minimum" in schema and "maximum" in schema:
        words = f"{words} from {schema['minimum']:,} to {schema['maximum']:,}"
    return KeyType(schema, words)
