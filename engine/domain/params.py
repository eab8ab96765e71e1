"""The parameters of a step, as they are shown, approved, hashed and run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from msgspec import Struct, field

from engine import json_values
from engine.json_values import Path, Value

SECRET_SHOWN: Final = "\N{BULLET}\N{BULLET}\N{BULLET}\N{BULLET} (secret {name})"  # noqa: S105 what stands in its place


class SecretName(Struct, frozen=True):
    """The place of a secret in a text: its name, never its value."""

    name: str


Segments: TypeAlias = tuple[str | SecretName, ...]


class Params(Struct, frozen=True):
    """The evaluated parameters of one visit.

    `value` has an empty text at each place of a secret. `secrets` holds, apart from the data, the segments from which
    those texts are joined when the step runs. So data can never name a secret. `context`: what the gate says about
    this proposal, by its key; people decide on it too, so the digest covers it.
    """

    value: dict[str, Value]
    secrets: Mapping[Path, Segments] = field(default_factory=dict)
    context: Mapping[str, str] = field(default_factory=dict)

    def as_value(self) -> dict[str, Value]:
        """Return the form that is stored and hashed."""
        context: dict[str, Value] = {"context": dict[str, Value](self.context)} if self.context else {}
        if not self.secrets:
            return {"value": self.value, **context}
        secrets: list[Value] = [
            {
                "path": list(path),
                "segments": [{"secret": part.name} if isinstance(part, SecretName) else part for part in segments],
            }
            for path, segments in sorted(self.secrets.items(), key=lambda item: json_values.show_path(item[0]))
        ]
        return {"value": self.value, "secrets": secrets, **context}

    @classmethod
    def from_value(cls, stored: Any) -> Params:
        """Read the form that `as_value` returns."""
        return cls(
            value=stored["value"],
            secrets={
                tuple(item["path"]): tuple(
                    SecretName(part["secret"]) if isinstance(part, dict) else part for part in item["segments"]
                )
                for item in stored.get("secrets", ())
            },
            context=stored.get("context", {}),
        )

    @property
    def secret_names(self) -> frozenset[str]:
        """The names of the secrets that are joined when the step runs."""
        return frozenset(part.name for parts in self.secrets.values() for part in parts if isinstance(part, SecretName))

    def shown(self) -> dict[str, Value]:
        """Return the value as people may see it, with the names of secrets in the place of their values."""
        return self.joined(lambda name: SECRET_SHOWN.replace("{name}", name))

    def joined(self, secret: Callable[[str], str]) -> dict[str, Value]:
        """Return the value with every secret filled in by `secret(name)`."""
        whole: Value = self.value
        for path, segments in self.secrets.items():
            text = "".join(secret(part.name) if isinstance(part, SecretName) else part for part in segments)
            whole = json_values.replace(whole, path, text)
        assert isinstance(whole, dict)
        return whole
