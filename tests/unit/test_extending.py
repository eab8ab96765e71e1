"""docs/extending.md lists the files of each kind of extension. Each list is compared with the code."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Set
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from bot.cli.lazy import LazyCommand
from bot.cli.main import signoff
from bot.settings import Settings
from engine.fields import FieldType
from engine.steps import registry
from tests.support.documents import DOCS, Page
from tests.support.source_trees import parsed

ROOT: Final = DOCS.parent
EXTENDING: Final = Page.of("extending.md")
SECTIONS: Final = [title for level, title in EXTENDING.headings if level == 2]


def listed_files(section: str) -> set[str]:
    """Return the files that the table of a section names."""
    return {path for row in EXTENDING.table(section) for path in row.code(0)}


@cache
def parsed_modules() -> dict[str, ast.Module]:
    """Return the parsed modules of the product, and of the unit and contract tests, by path."""
    folders = ("engine", "bot", "tests/unit", "tests/contract")
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return {str(path.relative_to(ROOT)): parsed(path) for path in paths}


def product_modules() -> dict[str, ast.Module]:
    return {path: tree for path, tree in parsed_modules().items() if not path.startswith("tests/")}


@cache
def mentioned_names(tree: ast.Module) -> set[str]:
    """Return the names, attributes, keywords and texts of a module."""
    return {name for node in ast.walk(tree) for name in _names(node)}


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)) | ast.alias(name=name):
            yield name
        case ast.Constant(value=str(text)):
            yield text
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name


def modules_that_mention(names: Set[str]) -> set[str]:
    return {path for path, tree in product_modules().items() if mentioned_names(tree) & names}


def members_of_field_type(tree: ast.Module) -> set[str]:
    """Return the members of `FieldType` that a module names."""
    members = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in FieldType.__members__:
            owner = node.value
            if "FieldType" in (getattr(owner, "id", ""), getattr(owner, "attr", "")):
                members.add(node.attr)
    return members


def classes_with(*methods: str) -> dict[str, str]:
    """Return the classes of `bot`, without its tools for developers, that have these methods: their names and files."""
    return {
        node.name: path
        for path, tree in product_modules().items()
        if path.startswith("bot/") and not path.startswith("bot/devtools/")
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        and {*methods} <= {part.name for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)}
    }


# -- the page -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("section", SECTIONS)
def test_every_file_that_is_listed_exists(section: str) -> None:
    assert [path for path in sorted(listed_files(section)) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("section", SECTIONS)
def test_a_list_says_for_each_file_when_to_touch_it_and_why(section: str) -> None:
    for row in EXTENDING.table(section):
        assert row[1].startswith(("needed", "if ", "read")), row
        assert row[2], row


# -- the lists ----------------------------------------------------------------------------------------------


def test_every_channel_and_directory_is_listed_and_registered() -> None:
    channels = {name: path for name, path in classes_with("show").items() if path.endswith("channel.py")}
    assert {"SlackChannel", "EmailChannel", "TerminalChannel"} <= set(channels)
    directories = classes_with("asks", "resolve", "reach", "back")
    assert {*channels.values(), *directories.values()} <= listed_files("A channel")
    using_modules = modules_that_mention({*channels, *directories}) - {*channels.values(), *directories.values()}
    using_modules = {
        path for path in using_modules if not path.startswith(("bot/devtools/", "bot/slack/", "bot/email/"))
    }
    assert using_modules <= listed_files("A channel")


def test_every_module_outside_of_slack_that_knows_its_name_is_listed() -> None:
    modules = modules_that_mention({"slack"}) - modules_that_mention(set())
    modules_with_text = {
        path
        for path in modules
        for node in ast.walk(product_modules()[path])
        if isinstance(node, ast.Constant) and node.value == "slack"
    }
    outside = {path for path in modules_with_text if not path.startswith(("bot/slack/", "bot/devtools/"))}
    assert outside <= listed_files("A channel")


def test_every_step_type_and_every_module_that_registers_one_is_listed() -> None:
    kinds = {type(kind).__name__ for kind in registry.builtin().values()}
    defining_modules = {type(kind).__module__.replace(".", "/") + ".py" for kind in registry.builtin().values()}
    using_modules = {path for path in modules_that_mention(kinds) if not path.startswith("bot/devtools/")}
    assert defining_modules | using_modules <= listed_files("A step type")


def test_every_module_that_names_a_field_type_is_listed() -> None:
    modules = {path for path, tree in product_modules().items() if members_of_field_type(tree)}
    assert modules - listed_files("A field type") == set()


def test_every_module_that_names_all_field_types_is_needed() -> None:
    needed = {path for row in EXTENDING.table("A field type") if row[1] == "needed" for path in row.code(0)}
    tables = {path for path, tree in parsed_modules().items() if len(members_of_field_type(tree)) > len(FieldType) - 2}
    assert len(tables) > 3
    assert tables - needed == set()


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("A gate key", {"reason_required"}),
        ("A deadline", {"fall_back_at", "fallback_after", "NoResponse"}),
    ],
)
def test_every_module_that_mentions_the_example_is_listed(section: str, names: set[str]) -> None:
    assert len(modules_that_mention(names)) > 8
    assert modules_that_mention(names) - listed_files(section) == set()


def test_every_module_of_commands_is_listed() -> None:
    modules = {path for path in listed_files("A command") if path.startswith("bot/cli/")}
    loaded = [command.load() for command in signoff.commands.values() if isinstance(command, LazyCommand)]
    assert len(loaded) > 15
    defining_modules = {inspect.unwrap(command.callback).__code__.co_filename for command in loaded if command.callback}
    assert {str(Path(path).relative_to(ROOT)) for path in defining_modules} <= modules
    assert {path for path in modules_that_mention({"LazyCommand"}) if path != "bot/cli/lazy.py"} <= modules


def test_every_module_that_reads_a_setting_is_listed() -> None:
    modules = {path for path, tree in product_modules().items() for node in ast.walk(tree) if _reads_a_setting(node)}
    assert len(modules) > 5
    assert modules - listed_files("A setting") == set()


def _reads_a_setting(node: ast.AST) -> bool:
    if not isinstance(node, ast.Attribute) or node.attr not in Settings.model_fields:
        return False
    owner = node.value
    return "settings" in (getattr(owner, "id", ""), getattr(owner, "attr", ""))
