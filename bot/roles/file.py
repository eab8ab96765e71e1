"""Reads a roles file, and reports every problem in it with its line. Pure.

roles:
  finance: [lee@example.com, "group:finance", U012AB3CD]
limits:
  finance: 5000 EUR
people:
  - {name: Lee Kim, addresses: [lee@example.com, lee.kim@example.org], timezone: Europe/Berlin}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from bot.presentation import characters
from bot.roles.model import PersonEntry, Roles
from engine import references, timestamps
from engine.domain import Address, accounts
from engine.domain.people import ACCOUNT
from engine.json_values import Path, Value
from engine.oversight.risk import read_money
from engine.references import ROLE, Reference
from engine.workflowfile import yaml_tree
from engine.workflowfile.phrases import cite, list_names, suggest
from engine.workflowfile.report import ProblemReport
from engine.workflowfile.yaml_tree import FileKind

MAX_NAME: Final = 80
"""Maximum length of a person's name, in characters."""
_KIND: Final = FileKind("list of roles and people", "The file is empty. It needs `roles`, `people` or both.")
_FILE_KEYS: Final = ("roles", "people", "limits")
_UNLIMITED: Final = "unlimited"
_PERSON_KEYS: Final = ("name", "addresses", "timezone", "department")
_MEMBER: Final = f"an email address, {accounts.ONE}, `group:handle` or `role:name`"


def read(source: bytes, *, file: str = "") -> Roles:
    """Return the roles and people in a file. Raises `DefinitionError` with every problem of it."""
    reader = _Reader(ProblemReport(yaml_tree.read(source, kind=_KIND)))
    return reader.read(file)


class _Reader:
    def __init__(self, report: ProblemReport) -> None:
        self._report = report
        self._first: dict[Address, Path] = {}
        """Where each address of a person was written first."""

    def read(self, file: str) -> Roles:
        content = self._mapping((), _FILE_KEYS)
        named = dict(self._roles()) if "roles" in content else {}
        people = tuple(self._people()) if "people" in content else ()
        for role in named:
            self._check_roles_of(role, named)
        limits = dict(self._limits(named)) if "limits" in content else {}
        self._report.raise_problems()
        members = {role: tuple(dict.fromkeys(_flatten(role, named))) for role in named}
        return Roles(members, people, limits, file)

    # -- roles --

    def _roles(self) -> Iterator[tuple[str, dict[Path, Reference]]]:
        lines: dict[str, str] = {}
        for name in self._mapping(("roles",)):
            at: Path = ("roles", name)
            role = references.parse(f"{ROLE}:{name}")
            if role is None:
                hint = "It has letters, digits and . _ - and at most 80 of them."
                self._report.add(at, f"`{cite(name)}` cannot be the name of a role.", hint, at="key")
            elif role.value in lines:
                self._report.add(at, f"This is the same role as `{cite(lines[role.value])}`; keep one.", at="key")
            else:
                lines[role.value] = name
                yield role.value, dict(self._members(at))

    def _members(self, at: Path) -> Iterator[tuple[Path, Reference]]:
        for path, text in self._texts(at, empty="This role has no members."):
            member = references.parse(text.strip())
            if member is None:
                self._report.add(path, f"`{cite(text)}` is not a member of a role: write {_MEMBER}.")
            elif member.is_keyword:
                self._report.add(path, f"`{member.kind}` is known only in a run. Write it in the workflow file.")
            else:
                yield path, member

    def _check_roles_of(self, role: str, named: Mapping[str, Mapping[Path, Reference]]) -> None:
        for path, member in named[role].items():
            if member.kind != ROLE:
                continue
            if member.value not in named:
                hint = suggest(member.value, list(named))
                self._report.add(path, f"There is no role `{cite(member.value)}` in this file.", hint)
            elif role in _reached(member.value, named):
                through = "" if member.value == role else f" through `{ROLE}:{cite(member.value)}`"
                self._report.add(path, f"The role `{cite(role)}` names itself{through}. Remove this member.")

    # -- limits --

    def _limits(self, named: Mapping[str, object]) -> Iterator[tuple[str, dict[str, Decimal] | None]]:
        first: dict[str, str] = {}
        for name in self._mapping(("limits",), like="finance: 5000 EUR"):
            at: Path = ("limits", name)
            role = name.lower()
            if role not in named:
                self._report.add(
                    at, f"There is no role `{cite(name)}` in this file.", suggest(role, [*named]), at="key"
                )
            elif role in first:
                self._report.add(at, f"This is the same role as `{cite(first[role])}`; keep one.", at="key")
            else:
                first[role] = name
                yield role, self._limit(at)

    def _limit(self, at: Path) -> dict[str, Decimal] | None:
        """Return the largest amount by currency, or None if there is no limit."""
        value = self._report.value(at)
        if value == _UNLIMITED:
            return None
        largest: dict[str, Decimal] = {}
        for text in value if isinstance(value, list) else [value]:
            money = read_money(text)
            if money is None or money[0] < 0 or money[1] in largest:
                hint = "Write 5000 EUR, [5000 EUR, 6000 USD] with each currency once, or unlimited."
                self._report.add(at, f"`{cite(text)}` is no limit.", hint)
            else:
                largest[money[1]] = money[0]
        if value == []:
            self._report.add(at, "This role has no limit here.", "Write 5000 EUR or unlimited, or delete the line.")
        return largest

    # -- people --

    def _people(self) -> Iterator[PersonEntry]:
        if not isinstance(self._report.value(("people",)), list):
            self._report.add(("people",), "This must be a list of people, each with `name` and `addresses`.")
            return
        for index, _ in enumerate(self._items(("people",))):
            at: Path = ("people", index)
            keys = self._mapping(at, _PERSON_KEYS)
            if not isinstance(self._report.value(at), dict):
                continue
            name, zone = self._name(at, keys), self._zone(at, keys)
            addresses = tuple(self._addresses(at)) if "addresses" in keys else ()
            if "addresses" not in keys:
                self._report.add(at, "`addresses` is missing. Name at least one.")
            yield PersonEntry(name, addresses, zone, self._line_of(at, keys, "department", "A department") or None)

    def _name(self, at: Path, keys: Mapping[str, Value]) -> str:
        if "name" not in keys:
            self._report.add(at, "`name` is missing.")
        return self._line_of(at, keys, "name", "A name")

    def _line_of(self, at: Path, keys: Mapping[str, Value], key: str, what: str) -> str:
        """Return a text of a person in one visible line, or an empty text if there is none."""
        text = keys.get(key)
        if key not in keys:
            return ""
        if not isinstance(text, str) or not text.strip():
            self._report.add((*at, key), f"The {key} of a person must be text. Put it in quotes.")
        elif len(text) > MAX_NAME or characters.line(text) != text.strip():
            self._report.add((*at, key), f"{what} is one line of at most {MAX_NAME} visible characters.")
        else:
            return text.strip()
        return ""

    def _zone(self, at: Path, keys: Mapping[str, Value]) -> str | None:
        zone = keys.get("timezone")
        if "timezone" not in keys:
            return None
        if not isinstance(zone, str) or timestamps.find_zone(zone) is None:
            self._report.add(
                (*at, "timezone"), f"There is no time zone `{cite(zone)}`.", "Write it like Europe/Berlin."
            )
            return None
        return zone

    def _addresses(self, at: Path) -> Iterator[Address]:
        account: Address | None = None
        for path, text in self._texts((*at, "addresses"), empty="This person has no address."):
            reference = references.parse(text.strip())
            if reference is None or not reference.is_address:
                self._report.add(path, f"`{cite(text)}` is not an address: write an email address or {accounts.ONE}.")
                continue
            address = reference.address
            if address in self._first:
                self._report.add(path, f"`{cite(text)}` is an address on line {self._line(address)} already.")
                continue
            if address.kind == ACCOUNT and account is not None:
                self._report.add(path, f"A person has one account, and {account.value} is theirs already.")
                continue
            account = address if address.kind == ACCOUNT else account
            self._first[address] = path
            yield address

    def _line(self, address: Address) -> int:
        *_, node = self._report.document.root.along(self._first[address])
        return node.mark.line

    # -- values --

    def _mapping(
        self, at: Path, keys: tuple[str, ...] | None = None, *, like: str = "finance: [lee@example.com]"
    ) -> dict[str, Value]:
        """Return the mapping at a path, without its unknown keys, which are reported."""
        value = self._report.value(at)
        if not isinstance(value, dict):
            what = f" with {list_names(keys, 'and')}" if keys else f", like `{like}`"
            self._report.add(at, f"This must be a mapping{what}.")
            return {}
        known = value if keys is None else {key: item for key, item in value.items() if key in keys}
        for key in value.keys() - known.keys():
            hint = suggest(key, keys or ()) or f"The keys here are {list_names(keys or (), 'and')}."
            self._report.add((*at, key), f"There is no key `{cite(key)}`.", hint, at="key")
        return known

    def _items(self, at: Path) -> list[Value]:
        value = self._report.value(at)
        return value if isinstance(value, list) else []

    def _texts(self, at: Path, *, empty: str) -> Iterator[tuple[Path, str]]:
        """Yield the texts of a list, each with its path. What is no text is reported."""
        if not isinstance(self._report.value(at), list):
            self._report.add(at, "This must be a list, like [lee@example.com].")
        elif not self._items(at):
            self._report.add(at, empty, "Name a person, or delete the line.", at="key")
        for index, item in enumerate(self._items(at)):
            if isinstance(item, str) and item.strip():
                yield (*at, index), item
            else:
                self._report.add((*at, index), "This must be text: write an address here.")


def _reached(role: str, named: Mapping[str, Mapping[Path, Reference]]) -> set[str]:
    """Return the role and all roles that it names, directly or not."""
    reached, unread = set[str](), [role]
    while unread:
        name = unread.pop()
        if name not in reached:
            reached.add(name)
            unread += [member.value for member in named.get(name, {}).values() if member.kind == ROLE]
    return reached


def _flatten(role: str, named: Mapping[str, Mapping[Path, Reference]]) -> Iterator[Reference]:
    """Yield the people and groups of a role, in the order of the file; those of another role at its place."""
    seen, unread = {role}, [*reversed([*named[role].values()])]
    while unread:
        member = unread.pop()
        if member.kind != ROLE:
            yield member
        elif member.value not in seen:
            seen.add(member.value)
            unread += reversed([*named[member.value].values()])
