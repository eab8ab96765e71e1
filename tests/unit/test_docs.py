"""The code has exactly the files, keys, commands and settings that docs/ describes."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args
from urllib.parse import parse_qs, urlsplit

import click
import pytest
import yaml

from bot import file_places
from bot.cli.exit_codes import Exit
from bot.cli.lazy import LazyCommand
from bot.cli.main import signoff
from bot.presentation import request_content
from bot.settings import Settings
from bot.slack import command_messages, message_view
from bot.slack import manifest as manifests
from bot.variable_checks import PREFIX
from engine import durations, fields, json_values
from engine.domain import Assurance, RequestState, RunStatus, StepStatus
from engine.errors import DefinitionError, ExpressionError, StepError
from engine.expressions import MAX_SOURCE, MAX_TEXT, Template, compile_template
from engine.expressions.filters import FILTERS, TESTS
from engine.fields import Field, FieldType, forms
from engine.fields.field import LONGEST, MAX_OPTIONS
from engine.json_values import Value
from engine.ports import StepContext, StepServices, StepType
from engine.runs import DEFAULT_TIMEOUT, MAX_OUTPUT
from engine.service.attachments import MOST_UNUSED
from engine.steps import foreach, http, http_response, wait
from engine.steps.registry import builtin
from engine.system import SECRET_PREFIX
from engine.worker.child_runs import MAX_INPUTS as MAX_GIVEN
from engine.workflowfile import load, scalars, yaml_tree
from engine.workflowfile.grammar import (
    MAX_FIELDS,
    MAX_INPUTS,
    MAX_STEPS,
    UNBUILT_STEP_TYPES,
    GateFile,
    StepFile,
    WorkflowFile,
)
from engine.workflowfile.rule_grammar import MAX_RULES, RuleFile
from engine.workflowfile.unsupported import AVAILABLE_VALUES
from tests.support import module_list
from tests.support.documents import DOCS, Block, Page, Row
from tests.support.source_trees import parsed

WORKFLOWS = Page.of("workflows.md")
COMMANDS = Page.of("commands.md")
KINDS = builtin()
ROOT = DOCS.parent
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")])
YAML = [block for block in WORKFLOWS.blocks if block.info.split(" ")[0] == "yaml"]


def line_id(block: Block) -> str:
    return f"line {block.line}"


def model_keys(model: Any) -> set[str]:
    return {info.alias or name for name, info in model.model_fields.items()}


def first_codes(rows: Iterable[Row]) -> list[str]:
    return [code for row in rows for code in row.code(0)]


def test_every_module_is_listed_with_its_sentence() -> None:
    assert module_list.PAGE.read_text(encoding="utf-8") == module_list.page(), (
        "Write it anew: .venv/bin/python -m tests.support.module_list"
    )


# -- examples -----------------------------------------------------------------------------------------------

INPUTS = """\
  order: text
  email: email
  amount: {type: money, currency: EUR}
"""
EARLIER = """\
  - id: look
    uses: http
    with: {url: https://shop.example.com/orders}
    on_error: continue
"""
PAY = """\
  - id: pay
    uses: http
    with:
      method: POST
      url: https://payments.example.com/refunds
      json: {amount: "{{ inputs.amount | number }}", note: Sorry}
"""


def complete_file(block: Block) -> str:
    """Return the block as a complete file. A fragment gets the parts of a file around it that it needs."""
    _, _, kind = block.info.partition(" ")
    match kind:
        case "":
            return block.text
        case "inputs":
            steps = "  - {id: keep, uses: set, with: {order: '{{ inputs.order }}'}}\n"
            return f"name: example\ninputs:\n{textwrap.indent(block.text, '  ')}steps:\n{steps}"
        case "steps":
            return f"name: example\ninputs:\n{INPUTS}steps:\n{block.text}"
        case "gate":
            gate = f"    gate:\n{textwrap.indent(block.text, '      ')}"
            return f"name: example\ninputs:\n{INPUTS}steps:\n{EARLIER}{PAY}{gate}"
        case _:
            raise AssertionError(f"{line_id(block)}: there is no frame for a fragment of the kind {kind!r}")


@pytest.mark.parametrize("block", [block for block in YAML if block.info != "yaml ledger"], ids=line_id)
def test_an_example_of_a_workflow_passes_the_check(block: Block) -> None:
    try:
        load(complete_file(block).encode(), kinds=KINDS)
    except DefinitionError as error:
        pytest.fail(f"{line_id(block)}: {error}")


def test_every_fenced_block_has_a_kind_that_a_test_checks() -> None:
    known = {"yaml", "yaml inputs", "yaml steps", "yaml gate", "yaml ledger", "expressions", "toml", "python"}
    assert {block.info for block in WORKFLOWS.blocks} == known
    assert {block.info for block in COMMANDS.blocks} == {"json", "console", "sh"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]*)(?:#([\w-]*))?\)", text):
        linked_page = page if target[0] == "" else (page.parent / target[0])
        assert linked_page.exists(), target[0]
        if target[1]:
            assert target[1] in anchors(Page(linked_page.read_text(encoding="utf-8"))), target


def anchors(page: Page) -> set[str]:
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for _, title in page.headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_file_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"`((?:engine|bot|tests|docs|templates)/[\w./-]+)`", text):
        assert any((ROOT / f"{path}{suffix}").exists() for suffix in ("", ".py")), path


# -- decisions ----------------------------------------------------------------------------------------------

DECISIONS = Page.of("decisions.md")


@pytest.mark.parametrize("title", [title for level, title in DECISIONS.headings if level == 3])
def test_a_decision_has_its_date_and_its_four_parts(title: str) -> None:
    text = DECISIONS.text.partition(f"### {title}\n\n")[2].partition("\n#")[0]
    assert re.match(r"\*20\d\d-\d\d-\d\d\.\* \*\*Context:\*\*", text)
    assert re.findall(r"\*\*(\w+):?\*\*", text) == ["Context", "Choice", "Why", "Reconsider"]


def test_code_refers_only_to_decisions_that_exist() -> None:
    titles = anchors(DECISIONS)
    for folder in ("engine", "bot", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            for name in re.findall(r"decisions\.md#([\w-]+)", path.read_text(encoding="utf-8")):
                assert name in titles, path


# -- keys ---------------------------------------------------------------------------------------------------


def available_keys(part: str, model: Any) -> set[str]:
    """Return the keys that are available. A key that can have only one value is not available yet."""
    return {key for key in model_keys(model) if len(AVAILABLE_VALUES[part].get(key, (1, 2))) > 1}


@pytest.mark.parametrize(
    ("section", "part", "model"),
    [("The workflow", "workflow", WorkflowFile), ("Steps", "step", StepFile), ("Gates", "gate", GateFile)],
)
def test_every_available_key_is_in_its_table(section: str, part: str, model: Any) -> None:
    # A file has rules or steps.
    more = {"rules"} if section == "The workflow" else set()
    assert sorted(first_codes(WORKFLOWS.table(section))) == sorted(available_keys(part, model) | more)


def test_every_key_of_a_rule_is_in_its_table() -> None:
    named = [code for row in WORKFLOWS.table("Rules") for code in row.code(0)]
    assert sorted(named) == sorted(model_keys(RuleFile))


@pytest.mark.parametrize(("section", "model"), [("http", http.HttpParams), ("wait", wait.WaitParams)])
def test_every_parameter_of_a_step_is_in_its_table(section: str, model: Any) -> None:
    assert sorted(first_codes(WORKFLOWS.table(section))) == sorted(model_keys(model))


def test_every_kind_of_step_has_a_section() -> None:
    assert set(KINDS) <= {title for level, title in WORKFLOWS.headings if level == 3}


def test_every_key_has_an_example() -> None:
    examples = "\n".join(block.text for block in YAML)
    expected = (
        available_keys("workflow", WorkflowFile) | available_keys("step", StepFile) | available_keys("gate", GateFile)
    )
    missing = {key for key in expected | model_keys(Field) - {"blank"} if not re.search(rf"\b{key}:", examples)}
    assert missing == set()


@pytest.mark.parametrize(
    "written",
    [
        *("policy: all", "policy: {chain:", 'policy: "{{', "'quorum': 2", '"role:', '"group:', "approvers: [owner"),
        *("exclude: [requester, editor]", "questions: pause", "remind: true", "remind: {after:", "hours: true"),
        *("escalate: {after:", "on_expiry: escalate", "on_expiry: reject", "channels: [email, slack]", "{post_to:"),
        *("assurance: sso", "confirm_with: code", "confirm_with: sso"),
    ],
)
def test_what_a_gate_can_say_has_an_example(written: str) -> None:
    assert any(written in block.text for block in YAML)


@pytest.mark.parametrize(
    ("section", "key", "model"),
    [
        *(("Steps", key, StepFile) for key in ("on_error",)),
        *(("Gates", key, GateFile) for key in ("at", "on_expiry", "reason_required")),
    ],
)
def test_the_values_and_the_default_of_a_key_are_those_of_the_code(section: str, key: str, model: Any) -> None:
    (row,) = [row for row in WORKFLOWS.table(section) if row.code(0) == (key,)]
    part = {StepFile: "step", GateFile: "gate"}[model]
    info = model.model_fields[key]
    assert row.code(1) == AVAILABLE_VALUES[part].get(key, get_args(info.annotation))
    assert row.code(2) == (info.default,)


def test_the_labels_of_the_buttons_are_those_of_the_code() -> None:
    (row,) = [row for row in WORKFLOWS.table("Gates") if "approve_label" in row.code(0)]
    assert row[2] == f"{GateFile().approve_label}, {GateFile().reject_label}"


# -- failures -----------------------------------------------------------------------------------------------


def test_the_statuses_of_the_page_have_the_meaning_of_the_code() -> None:
    errors = {}
    for status in range(300, 600):
        response: Any = SimpleNamespace(status=status, headers={"Retry-After": "5", "Location": "https://example.com/"})
        errors[status] = http_response.unwelcome("GET", response, "")
    rows = [row for row in WORKFLOWS.table("When a step fails") if "status" in row[0]]
    refused_statuses, other_statuses, unknown_statuses = (
        [int(number) for number in re.findall(r"\d{3}", " ".join(row.cells))] for row in rows
    )
    first_refused, *patient_statuses = refused_statuses
    first, last, *exceptions = unknown_statuses
    assert [status for status in range(first, last + 1) if status not in exceptions] == [
        status for status in errors if errors[status].outcome_unknown
    ]
    assert patient_statuses == [status for status in errors if errors[status].retry_after]
    assert [status for status in errors if errors[status].retryable] == [*range(first_refused, 600)]
    assert other_statuses == []


# -- fields -------------------------------------------------------------------------------------------------


def typed_fields() -> dict[str, Field]:
    choices = {FieldType.CHOICE, FieldType.CHOICES}
    options = ["red", "blue"]
    return {kind: Field(type=kind, **({"options": options} if kind in choices else {})) for kind in FieldType}


def test_every_field_type_and_every_key_of_a_field_is_in_its_table() -> None:
    types, attributes = WORKFLOWS.tables("Fields")
    assert first_codes(types) == [*FieldType]
    assert sorted(first_codes(attributes)) == sorted(model_keys(Field))


@pytest.mark.parametrize("row", WORKFLOWS.tables("Fields")[0], ids=lambda row: row[0])
def test_a_field_is_typed_and_shown_as_its_row_says(row: Row) -> None:
    kind, value, typed = row.code(0)[0], json_values.loads(row.code(1)[0]), row.code(2)[0].replace("⏎", "\n")
    field = typed_fields()[kind]
    assert fields.validate(field, value) == value
    # A file is handed in first, and then typed as its reference.
    assert fields.from_text(field, forms.printed(field, value) if kind == "file" else typed) == value
    shown_text = request_content.show(field, value).replace("\n", "⏎")
    assert row[3] == ("indented" if kind == "json" else shown_text)


def test_the_longest_texts_are_those_of_the_code() -> None:
    for row in WORKFLOWS.tables("Fields")[0]:
        kind = FieldType(row.code(0)[0])
        assert (f"{LONGEST.get(kind, 0):,} characters" in row[4]) == (kind in LONGEST)


# -- expressions --------------------------------------------------------------------------------------------

SCOPE: dict[str, Value] = {
    "inputs": json_values.loads(
        '{"n": 12, "price": 2.50, "who": "ann lee", "amount": {"amount": "120", "currency": "EUR"}, "tags": ["b", "a"],'
        ' "lines": [{"name": "pen", "cost": 2}, {"name": "ink", "cost": 5}], "at": "2026-03-02T09:00:00Z",'
        ' "empty": null}'
    )
}
VALUE_EXAMPLES, REFUSED_EXAMPLES = (
    [line.partition("->") for line in block.text.splitlines()]
    for block in WORKFLOWS.under("Expressions", "expressions")
)


def test_the_page_names_the_data_of_its_expressions() -> None:
    match = re.search(r"`inputs = (\{.*?\})`", WORKFLOWS.text, re.DOTALL)
    assert match is not None
    assert json_values.loads(match[1].replace("none", "null")) == SCOPE["inputs"]


@pytest.mark.parametrize(("source", "value"), [(left.strip(), right.strip()) for left, _, right in VALUE_EXAMPLES])
def test_an_expression_has_the_value_of_the_page(source: str, value: str) -> None:
    assert template(source).render(SCOPE) == json_values.loads(value)


@pytest.mark.parametrize(("source", "sentence"), [(left.strip(), right.strip()) for left, _, right in REFUSED_EXAMPLES])
def test_an_expression_is_refused_as_the_page_says(source: str, sentence: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        template(source).render(SCOPE)
    assert sentence.removeprefix("refused: ") in str(caught.value)


def template(source: str) -> Template:
    return compile_template(f"{{{{ {source} }}}}")


def test_every_filter_test_and_operator_has_an_example() -> None:
    sources = "\n".join(left for left, _, _ in VALUE_EXAMPLES)
    assert set(re.findall(r"\| (\w+)", sources)) == {*FILTERS, "default"}
    assert set(re.findall(r"\bis (\w+)", sources)) == {*TESTS, "defined", "undefined"}
    for operator in (*("+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", ">", ">="), "and", "or", "not", "in"):
        assert f" {operator} " in sources


# -- statuses and limits ------------------------------------------------------------------------------------


def test_every_status_is_explained() -> None:
    runs, requests, steps = WORKFLOWS.tables("Statuses")
    assert first_codes(runs) == [*RunStatus]
    assert first_codes(requests) == [*RequestState]
    assert sorted(first_codes(steps)) == sorted(StepStatus)


def test_the_limits_are_those_of_the_code() -> None:
    limits = {
        "size of a file": f"{yaml_tree.MAX_BYTES // 1024} KiB",
        "keys and values in a file": f"{yaml_tree.MAX_VALUES:,}",
        "nesting in a file": f"{yaml_tree.MAX_DEPTH} levels",
        "steps": f"{MAX_STEPS}",
        "rules": f"{MAX_RULES}",
        "items of a `foreach`": f"{foreach.MAX_ITEMS:,}",
        "inputs": f"{MAX_INPUTS}",
        "fields of a form": f"{MAX_FIELDS}",
        "options of a field": f"{MAX_OPTIONS}",
        "size of an uploaded file": f"`SIGNOFF_MAX_FILE_SIZE`, at most {file_places.LARGEST // 1_000_000} MB",
        "files of one person that no run uses": f"{MOST_UNUSED}",
        "inputs of a run together": f"{MAX_GIVEN:,} characters of JSON",
        "output of a step": f"{MAX_OUTPUT:,} characters of JSON",
        "answer to an `http` step": f"{http.MAX_BYTES:,} bytes",
        "a text with expressions": f"{MAX_SOURCE:,} characters",
        "a text that an expression builds": f"{MAX_TEXT:,} characters",
        "`expires`": f"{durations.LONGEST.days} days",
        "`wait`": f"{wait.LONGEST.days} days",
        "`timeout`": f"{scalars.MAX_TIMEOUT // timedelta(minutes=1)} minutes",
    }
    assert {row[0]: row[1] for row in WORKFLOWS.table("Limits")} == limits


@pytest.mark.parametrize(
    ("section", "key", "limit"),
    [
        ("The workflow", "title", f"up to {scalars.MAX_TITLE}"),
        ("The workflow", "description", f"up to {scalars.MAX_DESCRIPTION:,}"),
        ("The workflow", "inputs", f"up to {MAX_INPUTS}"),
        ("The workflow", "steps", f"1 to {MAX_STEPS}"),
        ("The workflow", "rules", f"1 to {MAX_RULES}"),
        ("Steps", "title", f"up to {scalars.MAX_TITLE}"),
        ("Steps", "timeout", f"`{durations.show(DEFAULT_TIMEOUT)}`".replace("1m", "60s")),
        ("Steps", "timeout", f"up to `{durations.show(scalars.MAX_TIMEOUT)}`"),
        ("Gates", "reason", f"up to {scalars.MAX_REASON}"),
        ("Gates", "title", f"up to {scalars.MAX_TITLE}"),
        ("Gates", "show", f"up to {scalars.MAX_LABEL}"),
        ("Gates", "approve_label", f"up to {scalars.MAX_LABEL}"),
        ("Gates", "confirm", f"up to {scalars.MAX_CONFIRM}"),
    ],
)
def test_the_limit_of_a_key_is_in_its_row(section: str, key: str, limit: str) -> None:
    (row,) = [row for row in WORKFLOWS.table(section) if key in row.code(0)]
    assert limit in " ".join(row.cells)


# -- not available yet --------------------------------------------------------------------------------------


def unavailable_rows() -> Iterator[str]:
    """Yield the rows that the table must have, from the values that the code refuses."""
    for part, missing in AVAILABLE_VALUES.items():
        for key, values in missing.items():
            yield missing_row(part, key, [value if isinstance(value, str) else json.dumps(value) for value in values])
    for kind in UNBUILT_STEP_TYPES:
        yield missing_row("step", f"uses: {kind}", [])


def missing_row(part: str, key: str, values: list[str]) -> str:
    return f"| {part} | `{key}` | {', '.join(f'`{value}`' for value in values)} |".replace("|  |", "| |")


def test_the_page_lists_exactly_the_features_that_are_not_available_yet() -> None:
    _, _, section = WORKFLOWS.text.partition("\n## Not available yet\n")
    rows = [line for line in section.splitlines() if line.startswith("|")][2:]
    assert "\n".join(rows) == "\n".join(unavailable_rows())


# -- own step types -----------------------------------------------------------------------------------------


def test_every_member_that_a_step_type_may_have_is_named() -> None:
    members = {name for name in vars(StepType) if not name.startswith("_")} | {"name", "Params"}
    rows = {code.partition("(")[0] for code in first_codes(WORKFLOWS.table("Your own step types"))}
    text = WORKFLOWS.under("Your own step types", "python")[0].text
    assert rows < members
    for name in members - rows - {"produce", "wakes_at"}:
        assert re.search(rf"\b{name}\b", text), name
    assert {"produce", "wakes_at"} <= set(re.findall(r"`(\w+)`", WORKFLOWS.text))


def test_the_example_of_a_step_type_is_short() -> None:
    (block,) = WORKFLOWS.under("Your own step types", "python")
    assert len([line for line in block.text.splitlines() if line]) <= 25
    assert "context: StepContext" in block.text
    assert "idempotency_key" in StepContext.__annotations__


SERVICES = "Services of the server"


def test_every_service_of_a_step_type_is_named() -> None:
    services = [service.name for service in dataclasses.fields(StepServices)]
    assert first_codes(WORKFLOWS.table(SERVICES)) == services


class RecordingSender(dict[str, str]):
    """A sender that records the message."""

    async def send(self, **message: str) -> dict[str, object]:
        self.update(message)
        return {"channel": "C1"}


async def test_the_example_of_a_step_type_with_services_uses_them() -> None:
    (block,) = WORKFLOWS.under(SERVICES, "python")
    example: dict[str, Any] = {"__name__": "signoff_page"}
    exec(compile(block.text, "signoff_page.py", "exec"), example)
    context = StepContext(
        run="r1",
        step="tell",
        visit=1,
        attempt=1,
        idempotency_key="r1:tell:1",
        timeout=timedelta(seconds=5),
        workflow="disks",
    )
    sender = RecordingSender()
    page: StepType[Any] = example["Page"].create(StepServices(sender=sender))
    params = page.Params.model_validate({"to": "#ops", "text": "It is full."})
    assert await page.run(params, context) == {"channel": "C1"}
    source = "the workflow disks, run r1"
    assert sender == {"to": "#ops", "text": "It is full.", "source": source, "key": "r1:tell:1"}
    with pytest.raises(StepError, match="not connected to Slack"):
        await example["Page"].create(StepServices()).run(params, context)


# -- commands -----------------------------------------------------------------------------------------------


def commands(group: click.Group = signoff, path: str = "signoff") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        command = command.load() if isinstance(command, LazyCommand) else command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


ALL_COMMANDS = dict(commands())


def test_every_command_has_a_section_and_every_section_a_command() -> None:
    assert sorted(title for level, title in COMMANDS.headings if level == 3) == sorted(ALL_COMMANDS)


@pytest.mark.parametrize("name", ALL_COMMANDS)
def test_the_usage_of_a_command_is_the_one_that_help_prints(name: str) -> None:
    context = click.Context(ALL_COMMANDS[name], info_name=name)
    pieces = [piece for piece in ALL_COMMANDS[name].collect_usage_pieces(context) if piece != "[OPTIONS]"]
    usage = f"### {name}\n\n    {' '.join([name, *pieces])}\n"
    assert usage in COMMANDS.text


@pytest.mark.parametrize("name", ALL_COMMANDS)
def test_every_option_of_a_command_is_documented_and_no_other(name: str) -> None:
    context = click.Context(ALL_COMMANDS[name], info_name=name)
    options = [option for option in ALL_COMMANDS[name].params if isinstance(option, click.Option)]
    expected = {name_.strip() for option in options for name_ in option_names(option, context)}
    assert expected == (set(first_codes(COMMANDS.table(name))) if options else set())


def option_names(option: click.Option, context: click.Context) -> Iterator[str]:
    """Yield the names of an option, the last with its value. The page explains a choice of values in words."""
    *others, last = option.opts
    metavar = "" if option.is_flag else option.make_metavar(context)
    yield from others
    yield last if "|" in metavar else f"{last} {metavar}"


@pytest.mark.parametrize("name", ALL_COMMANDS)
def test_a_command_with_json_shows_its_json(name: str) -> None:
    has_json_option = any("--json" in parameter.opts for parameter in ALL_COMMANDS[name].params)
    assert len(COMMANDS.under(name, "json")) == int(has_json_option)


def test_every_exit_code_is_documented() -> None:
    rows = {int(row[0]): row.code(1) for row in COMMANDS.table("Exit codes")}
    assert rows == {**{code.value: (code.name,) for code in Exit}, 130: ()}


def test_the_examples_use_only_commands_and_options_that_exist() -> None:
    for block in COMMANDS.blocks:
        for line in block.text.splitlines() if block.info == "console" else ():
            words = re.findall(r"[\w-]+", line.partition("signoff ")[2])
            command = ALL_COMMANDS[f"signoff {words[0]}"]
            known_options = {name for parameter in command.params for name in parameter.opts}
            assert set(re.findall(r"(?<=\s)--?[a-z]+", line.partition("#")[0])) <= known_options, line


# -- settings -----------------------------------------------------------------------------------------------


def test_every_setting_is_documented_with_its_default() -> None:
    rows = {row.code(0)[0]: row for row in COMMANDS.table("Settings")}
    assert sorted(rows) == sorted(
        [*(PREFIX + name.upper() for name in Settings.model_fields), f"{SECRET_PREFIX}<NAME>"]
    )
    for name, info in Settings.model_fields.items():
        if name != "database_url":
            default = rows[PREFIX + name.upper()][1].strip("`")
            assert default == str(info.default or "none")


def test_the_values_that_a_setting_may_have_are_documented() -> None:
    rows = {row.code(0)[0]: row for row in COMMANDS.table("Settings")}
    for name, info in Settings.model_fields.items():
        values = [value for value in get_args(info.annotation) if isinstance(value, str)]
        assert set(values) <= set(rows[PREFIX + name.upper()].code(2))


# -- operations ---------------------------------------------------------------------------------------------

OPERATIONS = Page.of("operations.md")


def test_the_commands_of_the_operations_page_exist() -> None:
    lines = [line for block in OPERATIONS.blocks for line in block.text.splitlines()]
    used = {words for line in lines for words in re.findall(r"bin/signoff ([a-z]+(?: verify| create| add)?)", line)}
    assert {f"signoff {words}" for words in used} == {f"signoff {words}" for words in used} & ALL_COMMANDS.keys()
    assert used == {"doctor", "backup", "audit verify", "keys create", "callbacks add", "erase"}


def test_the_settings_of_the_operations_page_exist() -> None:
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    assert set(re.findall(r"SIGNOFF_[A-Z_]+", OPERATIONS.text)) <= known


# -- slack --------------------------------------------------------------------------------------------------


def test_the_commands_of_slack_are_those_that_help_lists() -> None:
    rows = [(row.code(0), row[1]) for row in Page.of("slack.md").tables("Builders")[0] if row.code(0)]
    assert rows == [((usage,), description) for usage, description in command_messages.COMMANDS]


def test_the_buttons_that_slack_shows_are_explained() -> None:
    labels = " ".join(row[0] for row in Page.of("slack.md").table("Approvers"))
    for button in ("Approve", "Edit", "Fill in", "Reject", message_view.SHOW_EVERYTHING):
        assert button in labels


def test_the_link_to_create_the_app_carries_the_manifest() -> None:
    address = urlsplit(manifests.link("https://signoff.example.com"))
    assert (address.hostname, address.path) == ("api.slack.com", "/apps")
    query = parse_qs(address.query, strict_parsing=True)
    assert query["new_app"] == ["1"]
    assert yaml.safe_load(query["manifest_yaml"][0]) == manifests.manifest("https://signoff.example.com")


def test_the_first_workflow_of_the_page_is_a_workflow() -> None:
    (block,) = [block for block in Page.of("slack.md").blocks if block.info == "yaml"]
    workflow = load(block.text.encode(), kinds=KINDS)
    assert [step.id for step in workflow.steps] == ["order"]


# -- words --------------------------------------------------------------------------------------------------

WORDS = Page.of("words.md")


@dataclasses.dataclass(frozen=True, slots=True)
class Definitions:
    """The modules, and the names that modules and classes define, of the whole program."""

    modules: frozenset[str]
    members: dict[str, frozenset[str]]

    @classmethod
    @cache
    def read(cls) -> Definitions:
        """Read every source file."""
        files = [file for folder in ("bot", "engine") for file in sorted((ROOT / folder).rglob("*.py"))]
        trees = {_module_name(file): parsed(file) for file in files}
        members: dict[str, frozenset[str]] = {}
        for module, tree in trees.items():
            members[module] = _defined(tree.body)
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    members[node.name] = members.get(node.name, frozenset()) | _defined(node.body)
        return cls(frozenset(trees), members)

    def have(self, name: str) -> bool:
        """Return whether a module, class, constant, or a member of one of them has this name."""
        owner, _, member = name.rpartition(".")
        if name in self.modules or name in self.members:
            return True
        return member in self.members.get(owner, ()) if owner else any(name in names for names in self.members.values())


def _module_name(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _defined(body: Iterable[ast.stmt]) -> frozenset[str]:
    """Return the names that statements define or import."""
    names = set[str]()
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
            case ast.AnnAssign(target=ast.Name() as target):
                names.add(target.id)
            case ast.Assign():
                names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
            case ast.ImportFrom():
                names |= {alias.asname or alias.name for alias in node.names}
    return frozenset(names)


NOUNS = [line.strip("| ").split(" | ") for line in WORDS.text.splitlines() if line.startswith("| **")]


def test_every_name_beside_a_word_exists() -> None:
    definitions = Definitions.read()
    names = [name for row in NOUNS if len(row) == 3 for name in re.findall(r"`([^`]+)`", row[2])]
    assert len(names) > 40
    assert [name for name in names if not definitions.have(name)] == []


@pytest.mark.parametrize("columns", [3, 2], ids=["nouns", "verbs"])
def test_the_words_are_in_alphabetical_order_and_each_is_there_once(columns: int) -> None:
    words = [row[0].strip("*") for row in NOUNS if len(row) == columns]
    assert words
    assert words == sorted(set(words))


def test_the_words_name_every_assurance_that_is_used_and_every_prefix_of_the_store() -> None:
    (assurance,) = [row[1] for row in NOUNS if row[0] == "**assurance**"]
    assert set(re.findall(r"`(\w+)`", assurance)) == {*Assurance}
    (claim,) = [row[1] for row in NOUNS if row[0] == "**claim**"]
    functions = {name for module, names in Definitions.read().members.items() if ".store." in module for name in names}
    prefixes = re.findall(r"`(\w+_)`", claim)
    assert prefixes
    assert all(any(name.startswith(prefix) for name in functions) for prefix in prefixes)
