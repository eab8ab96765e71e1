"""What a program asks, as the gate of its step shows it: its arguments, what of them can be edited, and its texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Final, cast

from msgspec.structs import replace

from engine.domain import OnExpiry
from engine.domain.ask_facts import REASON, RISK, TITLE, AskFacts
from engine.domain.asks import AskUse
from engine.expressions import Template, compile_template
from engine.fields import Field, normal_form
from engine.identifiers import end_in_words
from engine.json_values import Value
from engine.requests import clip
from engine.workflowfile import Gate, Step, ask_names
from engine.workflowfile.declarations import declarations_of_fields
from engine.workflowfile.workflow import CONTEXT_KEYS

EXPIRES_IN: Final = "expires_in"
"""The name of the seconds in which the program wants a decision. Expressions do not read it."""
_LABEL: Final = 40
"""Longest label that a program gives an argument, in characters."""
_WORDS: Final = frozenset({"title", "summary", "risk", *CONTEXT_KEYS})
"""What a program says about itself and its call."""
_TEXTS: Final[Mapping[str, Template]] = {
    name: compile_template(f"{{{{ ask.{name} }}}}") for name in ("title", "summary", *CONTEXT_KEYS)
}


def played(name: str, ask: Mapping[str, Value]) -> dict[str, Value]:
    """Return what an example of this workflow asks, with the parts that it leaves out."""
    given: dict[str, Value] = {"title": "An example", "use": AskUse.ANSWER.value, "agent": "Example", "arguments": {}}
    return {**dict.fromkeys(ask_names.NAMES), **given, **ask, "workflow": name}


def arguments(ask: Mapping[str, Value]) -> dict[str, Value]:
    """Return the arguments, with an empty value for each declared one that the program left to people."""
    given = _mapping(ask, "arguments")
    return {**{name: _default(field) for name, field in fields_of(ask).items() if name not in given}, **given}


def as_read(ask: Mapping[str, Value]) -> dict[str, Value]:
    """Return what expressions read as `ask`: its arguments have the defaults that an approval would have."""
    given = _mapping(ask, "arguments")
    filled = {name: value for name, value in arguments(ask).items() if name in given or value is not None}
    return {**ask, "arguments": filled} if filled else dict(ask)


def fields_of(ask: Mapping[str, Value]) -> dict[str, Field]:
    """Return the declared fields of the arguments. A label never hides which argument it is of."""
    declared = _mapping(ask, "fields").items()
    return {name: _named(name, Field.model_validate(field)) for name, field in declared}


def _named(name: str, field: Field) -> Field:
    """Return the field with the name of its argument behind a label that says something else."""
    if not field.label or field.label.casefold() in (name.casefold(), end_in_words(name).casefold()):
        return field
    return field.model_copy(update={"label": f"{clip(field.label, _LABEL)} ({name})"})


def left_to_people(ask: Mapping[str, Value]) -> str:
    """Return the names of the arguments that only people can give a value, or an empty text."""
    if not ask.get("fields"):
        return ""
    left_out = _left_out(fields_of(ask), _mapping(ask, "arguments"))
    names = [name for name, field in left_out.items() if field.required and field.default is None]
    # The program may call them as it likes.
    return ", ".join(f"“{clip(name, _LABEL).replace('“', chr(39)).replace('”', chr(39))}”" for name in names)


def fitted(gate: Gate, ask: Mapping[str, Value]) -> Gate:
    """Return the gate with what the program asks, where the gate does not say it itself."""
    declared = fields_of(ask)
    context = {key: gate.context.get(key) or _TEXTS[key] for key in CONTEXT_KEYS if key in gate.context or ask.get(key)}
    expires, on_expiry = _expiry(gate, ask)
    return replace(
        gate,
        title=gate.title or _TEXTS["title"],
        reason=gate.reason or (_TEXTS["summary"] if ask.get("summary") else None),
        context=context,
        edit=_edit(gate, ask, declared),
        declarations=declarations_of_fields(declared),
        expires=expires,
        on_expiry=on_expiry,
    )


def facts(gate: Gate, step: Step, ask: Mapping[str, Value]) -> AskFacts:
    """Return what the request tells about the program. `gate`: with what the program asks, as `fitted` returns it."""
    texts = {TITLE: gate.title, REASON: gate.reason, **gate.context}

    def text(name: str) -> str | None:
        value = ask.get(name)
        return value if isinstance(value, str) and value else None

    return AskFacts(
        agent=text("agent") or "",
        use=AskUse(text("use") or AskUse.ANSWER),
        claims=(*(name for name, template in texts.items() if template is not None and _is_claim(template)), RISK),
        tool=text("tool"),
        server=text("server"),
        risk=text("risk"),
        rule=step.rule.words if step.rule is not None else None,
        acts_for=text("acts_for"),
    )


def _is_claim(template: Template) -> bool:
    """Return whether a text holds words of the program, beside the arguments of its call."""
    return any(path[0] == "ask" and path[1:2] != () and path[1] in _WORDS for path in template.references)


def _expiry(gate: Gate, ask: Mapping[str, Value]) -> tuple[timedelta | None, OnExpiry]:
    """Return the time to decide: the shorter one.

    Neither what the program shortens nor what it left to people lets the run go on by itself.
    """
    seconds = ask.get(EXPIRES_IN)
    wanted = timedelta(seconds=float(seconds)) if isinstance(seconds, int) else None
    is_own = wanted is None or (gate.expires is not None and gate.expires <= wanted)
    stops = OnExpiry.REJECT if gate.on_expiry is OnExpiry.REJECT else OnExpiry.STOP
    return (gate.expires if is_own else wanted), gate.on_expiry if is_own and not left_to_people(ask) else stops


def _edit(gate: Gate, ask: Mapping[str, Value], declared: Mapping[str, Field]) -> dict[str, Field | None]:
    """Return what people may change: what both the program and the gate allow, and every value that is left to them."""
    given = _mapping(ask, "arguments")
    left_out = _left_out(declared, given)
    editable = ask.get("editable")
    allowed = [*given] if editable is True else cast("list[str]", editable) if isinstance(editable, list) else []
    names = dict.fromkeys(allowed) if gate.edit is None else dict(_both(allowed, gate.edit))
    return {
        **{name: field or declared.get(name) for name, field in names.items() if name not in left_out},
        **left_out,
    }


def _both(allowed: Iterable[str], edit: Mapping[str, Field | None]) -> Iterator[tuple[str, Field | None]]:
    """Yield the narrower one of each two dotted names of which one holds the other."""
    for name in allowed:
        for other, field in edit.items():
            if name == other or other.startswith(f"{name}."):
                yield other, field
            elif name.startswith(f"{other}."):
                yield name, None


def _left_out(declared: Mapping[str, Field], given: Mapping[str, Value]) -> dict[str, Field]:
    return {name: field for name, field in declared.items() if name not in given}


def _default(field: Field) -> Value:
    return None if field.default is None else normal_form(field, field.default)


def _mapping(ask: Mapping[str, Value], name: str) -> dict[str, Value]:
    value = ask.get(name)
    return value if isinstance(value, dict) else {}
