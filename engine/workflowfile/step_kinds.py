"""What the workflow language needs to know of a step type; `engine.ports.StepType` is the class to derive from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Final, Protocol

from pydantic import BaseModel

from engine.fields import Field, FieldType
from engine.json_values import Value

SET: Final = "set"
"""The kind whose output is its parameters."""
FORM: Final = "form"
"""The kind whose parameters are fields that people fill in: it always has a gate; what is approved is its output."""


class Nature(Enum):
    EFFECT = "effect"
    """Acts on the world: runs outside of any transaction."""
    INLINE = "inline"
    """Computes its output from its parameters alone: runs inside the transaction that reaches it."""
    SLEEP = "sleep"
    """Lets the run sleep until a time."""


class StepKind(Protocol):
    """One kind of step, as a workflow file may use it. `given`: the parameters as far as they are known.

    In the file, `given` is the `with` mapping as written, so a value may still be text with `{{ … }}` in it.
    """

    @property
    def name(self) -> str:
        """What `uses` says."""

    @property
    def Params(self) -> type[BaseModel]:
        """What validates the parameters, in the file and after an edit."""

    @property
    def nature(self) -> Nature:
        """How the engine runs it."""

    @property
    def secret_params(self) -> frozenset[str]:
        """Names of the top-level parameters in which `{{ secret.NAME }}` may stand; empty for almost every kind."""

    @property
    def address_params(self) -> frozenset[str]:
        """Names of the top-level parameters that are a web address to call; empty for almost every kind."""

    @property
    def output_types(self) -> Mapping[str, FieldType]:
        """Types of the outputs that are always of one type, for a person who has to fill them in."""

    def outputs(self, given: Mapping[str, Value]) -> frozenset[str] | None:
        """Names that `steps.<id>.<name>` may use; None: not known before it ran."""

    def content(self, given: Mapping[str, Value]) -> Mapping[str, Field | None]:
        """Parameters that people may edit unless the gate says otherwise, with their types where known."""

    def idempotent(self, given: Mapping[str, Value]) -> bool:
        """Whether repeating it with the same parameters is harmless by its nature."""

    def produce(self, given: Mapping[str, Value]) -> dict[str, Value]:
        """The output of an INLINE kind (or of a SLEEP kind once awake)."""

    def wakes_at(self, given: Mapping[str, Value], now: datetime) -> datetime:
        """When a SLEEP kind lets the run go on."""
