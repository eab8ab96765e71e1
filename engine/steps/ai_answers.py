"""What the answer of a language model is worth: the fields of the output, or why it cannot be used. Pure.

No answer is repaired or chosen: one that is cut off, refused, missing or contradicts another one is never used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import Struct

from engine import fields, json_values
from engine.errors import InvalidValue, about
from engine.fields import Field
from engine.json_values import Value
from engine.language_model import Draft, DraftEnd

_FENCED: Final = re.compile(r"```(?:json)?\s*(.*?)\s*```", re.DOTALL)
"""JSON as some models write it although they are asked for JSON alone."""
_QUOTED: Final = 300
"""Maximum length of what a model says when it refuses, in characters."""


class UsableAnswer(Struct, frozen=True):
    """An answer with the values of the output."""

    output: dict[str, Value]


class UselessAnswer(Struct, frozen=True, kw_only=True):
    """An answer that cannot be used, and why. `ask_again`: whether the model may do better if it is told why.

    `final`: whether no other call can succeed.
    """

    why: str
    ask_again: bool = False
    final: bool = False


def read_answer(declared: Mapping[str, Field], draft: Draft, *, max_tokens: int) -> UsableAnswer | UselessAnswer:
    """Return the values of the fields in an answer, or why it cannot be used."""
    if draft.end is DraftEnd.REFUSED:
        said = f": {_one_line(draft.refusal)}" if draft.refusal.strip() else "."
        return UselessAnswer(why=f"{_name(draft)} refused to answer{said}", final=True)
    if draft.end is DraftEnd.CUT_OFF:
        return UselessAnswer(why=f"The answer of {_name(draft)} was cut off at {max_tokens:,} tokens (`max_tokens`).")
    if not draft.answers:
        return UselessAnswer(why=f"{_name(draft)} gave no answer.", ask_again=True)
    try:
        values = [_parse(answer) for answer in draft.answers]
    except InvalidValue as error:
        return UselessAnswer(why=f"The answer is not a JSON object: {error}.", ask_again=True)
    if len({json_values.dumps(value) for value in values}) > 1:
        return UselessAnswer(
            why=f"{_name(draft)} gave {len(values)} answers that contradict each other.", ask_again=True
        )
    return _check(declared, values[0])


def _check(declared: Mapping[str, Field], value: Value) -> UsableAnswer | UselessAnswer:
    if not isinstance(value, dict):
        return UselessAnswer(why="The answer is not a JSON object.", ask_again=True)
    output, errors = fields.validate_all(declared, value)
    if errors:
        return UselessAnswer(why=" ".join(about(name, error) for name, error in errors.items()), ask_again=True)
    return UsableAnswer(output)


def complaint(answer: UselessAnswer) -> str:
    """Return what the model is told about an answer that cannot be used."""
    return f"That answer cannot be used. {answer.why} Answer once more, with one JSON object that has all fields."


def quoted(answers: Sequence[str]) -> str:
    """Return the answers as the model is reminded of them; a model takes no empty text."""
    return "\n".join(answers) or "(no answer)"


def _parse(answer: str) -> Value:
    text = answer.strip()
    fenced = _FENCED.fullmatch(text)
    return json_values.clean(json_values.loads(fenced[1] if fenced else text))


def _name(draft: Draft) -> str:
    return draft.model or "The model"


def _one_line(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _QUOTED else f"{words[:_QUOTED]}…"
