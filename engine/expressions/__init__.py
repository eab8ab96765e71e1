"""`{{ … }}` expressions: a text of a workflow file, compiled once and evaluated over a scope of plain values.

Jinja2 is used to parse, never to run. `parser` turns a text into Jinja's tree, `compiler` turns the tree into Python
closures over `engine.json_values` values, and refuses what it does not know; `type_checks` tells what can only fail.
There is no attribute access, no call and no Python evaluation anywhere, so there is nothing to escape to; `limits`
bounds time and memory.

Pure: may import `engine.json_values`, `engine.errors`, `engine.domain`, `engine.urls` and Jinja's parser, nothing else.
Start at `template.compile_template`, then `compiler`.
"""

from engine.expressions.compiled_values import Compiled, compile_value, iter_strings, resolve_params
from engine.expressions.limits import MAX_NESTING, MAX_NODES, MAX_SIZE, MAX_SOURCE, MAX_STEPS, MAX_TEXT
from engine.expressions.lookup import DECISIONS
from engine.expressions.origin import ValueOrigin, origin
from engine.expressions.provenance import Item, ValueSource, joins_texts, render_items, sources_of
from engine.expressions.static_types import SortOf, StaticType, either, just, of_texts
from engine.expressions.template import Template, compile_template
from engine.expressions.type_checks import Clash, find_in_condition, reads_text_as_number, sort_of_value
from engine.expressions.type_checks import find as find_clashes
from engine.expressions.url_template import address_origin, check_written
from engine.expressions.value_text import Kind, as_text
from engine.expressions.value_text import kind as kind_of

__all__ = [
    "DECISIONS",
    "MAX_NESTING",
    "MAX_NODES",
    "MAX_SIZE",
    "MAX_SOURCE",
    "MAX_STEPS",
    "MAX_TEXT",
    "Clash",
    "Compiled",
    "Item",
    "Kind",
    "SortOf",
    "StaticType",
    "Template",
    "ValueOrigin",
    "ValueSource",
    "address_origin",
    "as_text",
    "check_written",
    "compile_template",
    "compile_value",
    "either",
    "find_clashes",
    "find_in_condition",
    "iter_strings",
    "joins_texts",
    "just",
    "kind_of",
    "of_texts",
    "origin",
    "reads_text_as_number",
    "render_items",
    "resolve_params",
    "sort_of_value",
    "sources_of",
]
