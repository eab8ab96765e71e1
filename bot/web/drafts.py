"""Typed values of forms, kept in memory while a person fetches a code, so that they can go back to the form."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from bot.web.form_inputs import Raws

_MOST: Final = 500
_MOST_EACH: Final = 10
"""Maximum number of drafts of one request, so that the holder of its link cannot push out those of others."""
_MOST_CHARACTERS: Final = 20_000_000


@dataclass(frozen=True, slots=True)
class FormDraft:
    """A form as it was typed. `digest`: of the content that it was based on."""

    raws: Raws
    digest: str

    @property
    def size(self) -> int:
        return sum(len(raw) for raws in self.raws.values() for raw in raws)


class Drafts:
    """The newest drafts, by browser and request."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], FormDraft] = OrderedDict()

    def keep(self, holder: str, request: str, draft: FormDraft) -> None:
        self._kept[holder, request] = draft
        self._kept.move_to_end((holder, request))
        same = [key for key in self._kept if key[1] == request]
        for key in same[:-_MOST_EACH]:
            del self._kept[key]
        while len(self._kept) > _MOST or sum(draft.size for draft in self._kept.values()) > _MOST_CHARACTERS:
            self._kept.popitem(last=False)

    def find(self, holder: str, request: str) -> FormDraft | None:
        return self._kept.get((holder, request))

    def drop(self, holder: str, request: str) -> None:
        self._kept.pop((holder, request), None)
