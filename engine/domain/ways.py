"""The ways by which the approvers of a request are asked: each of them, and together in one place."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from engine.domain.statuses import EmailPolicy

SHARED: Final = "shared"
"""Topic of the copy that all approvers share. Its row names the owner of the workflow, and it is no copy of theirs."""

HELD: Final = "held"
"""Topic of a copy that is told in a digest, and is no message of its own."""
DIGEST: Final = "digest"
"""Topic of the reminder that tells a person of all requests that were held for them."""


class Ways(Struct, frozen=True, kw_only=True):
    """Where approvers are asked.

    `names`: the channels by which each of them is asked, the best first; empty: every channel that reaches them.
    `post_to`: the place of one copy that they share. With it and without `names`, people who can act there get no copy
    of their own at first.
    """

    email: EmailPolicy = EmailPolicy.FALLBACK
    names: tuple[str, ...] = ()
    post_to: str | None = None

    @property
    def is_only_shared(self) -> bool:
        """Return whether people who can act in the shared place are asked only there."""
        return self.post_to is not None and not self.names

    @property
    def directly(self) -> Ways:
        """Return the same ways without the shared place, for people who are asked later or could not be asked there."""
        return Ways(email=self.email, names=self.names)


EVERY_WAY: Final = Ways()
"""The ways of a gate that names none."""
