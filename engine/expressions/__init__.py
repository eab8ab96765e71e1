"""`{{ … }}` expressions: a text of a workflow file, compiled once and evaluated over a scope of plain values.

Jinja2 is used to parse, never to run. `parser` turns a text into Jinja's tree. `compiler` turns the tree into Python
closures over `engine.json_values` values and refuses every node that it does not know. `type_checks` finds operations
that can only fail. Expressions cannot access attributes, call functions or evaluate Python, so they have no way out of
their sandbox. `limits` bounds their time and memory.

Pure: may import `engine.json_values`, `engine.errors`, `engine.domain`, `engine.urls` and Jinja's parser, nothing else.
Start at `template.compile_template`, then `compiler`.
"""

from engine.expressions.compiled_values import CompiledValue, compile_value, iter_strings, resolve_params
from engine.expressions.limits import MAX_NESTING, MAX_NODES, MAX_SIZE, MAX_SOURCE, MAX_STEPS, MAX_TEXT
from engine.expressions.lookup import APPROVED, DECISIONS
from engine.expressions.origin import ValueOrigin, find_origin
from engine.expressions.provenance import (
    Item,
    ValueSource,
    find_literal_values,
    find_value_sources,
    joins_texts,
    render_items,
)
from engine.expressions.static_types import (
    StaticType,
    TypeLookup,
    mismatch_with_texts,
    type_of_kind,
    type_of_money,
    type_of_texts,
    union_type,
)
from engine.expressions.template import Template, compile_template
from engine.expressions.type_checks import (
    TypeClash,
    find_clashes,
    find_condition_clash,
    reads_text_as_number,
    type_of_value,
)
from engine.expressions.url_template import check_literal_address, describe_server_source
from engine.expressions.value_text import MONEY_KEYS, Kind, format_value, kind_of

__all__ = [
    "APPROVED",
    "DECISIONS",
    "MAX_NESTING",
    "MAX_NODES",
    "MAX_SIZE",
    "MAX_SOURCE",
    "MAX_STEPS",
    "MAX_TEXT",
    "MONEY_KEYS",
    "CompiledValue",
    "Item",
    "Kind",
    "StaticType",
    "Template",
    "TypeClash",
    "TypeLookup",
    "ValueOrigin",
    "ValueSource",
    "check_literal_address",
    "compile_template",
    "compile_value",
    "describe_server_source",
    "find_clashes",
    "find_condition_clash",
    "find_literal_values",
    "find_origin",
    "find_value_sources",
    "format_value",
    "iter_strings",
    "joins_texts",
    "kind_of",
    "mismatch_with_texts",
    "reads_text_as_number",
    "render_items",
    "resolve_params",
    "type_of_kind",
    "type_of_money",
    "type_of_texts",
    "type_of_value",
    "union_type",
]
