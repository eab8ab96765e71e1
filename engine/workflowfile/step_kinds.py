"""Kinds of steps, as the workflow language sees them. A step type derives from `engine.ports.StepType`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Final, Protocol

from msgspec import Struct
from pydantic import BaseModel

from engine.fields import Field, FieldType
from engine.json_values import Path, Value

SET: Final = "set"
"""The name of the kind whose output is its parameters."""
FORM: Final = "form"
"""The name of the kind whose parameters are fields that people fill in. It always has a gate, and the approved values
are its output."""

HTTP: Final = "http"
"""The name of the kind that calls an address."""
BRANCH: Final = "branch"
"""The name of the kind that chooses one of its paths, which have steps of their own."""
AI: Final = "ai"
"""The name of the kind that asks a language model."""
FOREACH: Final = "foreach"
"""The name of the kind that repeats its own steps for each item of a list."""
ITEMS_FINGERPRINT: Final = "fingerprint_of_all_items"
"""The part of a request about all items of a list that stands for those which it does not show itself."""
ASK: Final = "ask"
"""The name of the kind that puts what a program asks to people."""
RUN: Final = "run"
"""The name of the kind that runs another workflow."""


class Nature(Enum):
    """How the engine runs a kind of step."""

    EFFECT = "effect"
    """Acts on the outside world. It runs outside any transaction."""
    INLINE = "inline"
    """Computes its output from its parameters alone. It runs inside the transaction that reaches it."""
    SLEEP = "sleep"
    """Lets the run sleep until a time."""
    RUNS = "runs"
    """Starts runs of its own, and waits for their ends."""
    GRANT = "grant"
    """Lets the program that asked act once, and waits until it says how that went."""


class ParamProblem(Struct, frozen=True):
    """What is wrong with parameters in a file: the place, a sentence, and what to do, if that is not clear."""

    path: Path
    message: str
    hint: str = ""


class StepKind(Protocol):
    """One kind of step, as a workflow file may use it.

    `params` holds the parameters, as far as they are known. When the file is read, it is the `with` mapping as written,
    so a value may still be a text with `{{ … }}` in it.
    """

    @property
    def name(self) -> str:
        """The name for `uses`."""

    @property
    def Params(self) -> type[BaseModel]:
        """The model that validates the parameters, in the file and after an edit."""

    @property
    def nature(self) -> Nature:
        """How the engine runs it."""

    @property
    def secret_params(self) -> frozenset[str]:
        """Names of the top-level parameters that may use `{{ secret.NAME }}`. Almost every kind has none."""

    @property
    def literal_params(self) -> frozenset[str]:
        """Names of the top-level parameters in which expressions do not work. Almost every kind has none."""

    @property
    def response_params(self) -> frozenset[str]:
        """Names of the top-level parameters whose expressions the step itself evaluates, over `response` alone."""

    @property
    def address_params(self) -> frozenset[str]:
        """Names of the top-level parameters that are a web address to call. Almost every kind has none."""

    @property
    def fixed_params(self) -> frozenset[str]:
        """Names of the top-level parameters that people can never edit. Almost every kind has none."""

    @property
    def technical_names(self) -> frozenset[str]:
        """Names of the top-level parameters and outputs that people see only under technical details."""

    @property
    def output_types(self) -> Mapping[str, FieldType]:
        """Types of the outputs that always have the same type, for a person who must fill them in."""

    def outputs(self, params: Mapping[str, Value]) -> frozenset[str] | None:
        """Return the names of the outputs for `steps.<id>.<name>`, or None if only the run knows them."""

    def output_fields(self, params: Mapping[str, Value]) -> Mapping[str, Field]:
        """Return the fields of the output that the file declares. `params`: as they are in the file, right or wrong."""

    def content(self, params: Mapping[str, Value]) -> Mapping[str, Field | None]:
        """Return the parameters that people may edit if the gate has no `edit`, with their types if they are known."""

    def idempotent(self, params: Mapping[str, Value]) -> bool:
        """Return whether repeating the step with the same parameters is harmless."""

    def find_problems(self, params: Mapping[str, Value]) -> Iterable[ParamProblem]:
        """Yield what can never work in the parameters of a file, whatever its expressions give."""

    def produce(self, params: Mapping[str, Value]) -> dict[str, Value]:
        """Return the output of an INLINE kind, or of a SLEEP kind after its sleep."""

    def wakes_at(self, params: Mapping[str, Value], now: datetime) -> datetime:
        """Return the time at which a SLEEP kind lets the run continue."""
