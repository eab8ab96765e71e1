"""What goes wrong on demand at the local provider of language models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

ModelFaultKind = Literal[
    "slow", "cut_off", "null", "two", "twice", "invalid", "other", "text", "refusal", "filtered", "no_choices",
    "two_choices", "no_usage", "limited", "no_credit", "too_long", "status", "page", "reset", "echo",
]  # fmt: skip
KINDS: Final = frozenset(ModelFaultKind.__args__)  # type: ignore[attr-defined]


@dataclass(kw_only=True)
class ModelFault:
    """One fault, for the next `times` calls.

    | kind | what happens |
    |---|---|
    | slow | the answer comes after `seconds` |
    | cut_off | half of the answer, with the finish reason `length` |
    | null | neither content nor a call of the function |
    | two | two calls of the function that contradict each other |
    | twice | the same call of the function two times |
    | invalid | a call whose arguments are no JSON |
    | other | a call with `answer` in the place of what was recorded |
    | text | the answer as content, in a fence, as models write it that know no functions |
    | refusal | `refusal` in the place of content |
    | filtered | the finish reason `content_filter` |
    | no_choices, two_choices | no choice, or two with different answers |
    | no_usage | no count of tokens |
    | limited | 429 with Retry-After: `seconds` |
    | no_credit | 429 `insufficient_quota` |
    | too_long | 400 `context_length_exceeded` |
    | status | the HTTP status `status`, with an error that repeats the key |
    | page | 200 with a page of HTML |
    | reset | the connection is closed without an answer |
    | echo | an answer that repeats the key |
    """

    kind: ModelFaultKind
    times: int | None = 1
    skip: int = 0
    seconds: float = 1.0
    status: int = 500
    answer: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"there is no fault {self.kind!r}; there are {', '.join(sorted(KINDS))}")
