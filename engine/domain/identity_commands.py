"""The commands of `Identity`: codes by email, signing in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as hidden

from msgspec import Struct

from engine.domain.commands import DEFAULT_WORKSPACE, AnswerAttention, Decide, Origin
from engine.domain.people import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class FormDraft:
    """A form as it was typed in a browser. `about`: the id of the request, or of the run whose step is asked about.

    `digest` tells the content that the form was based on. `typed`: the values of its inputs by name.
    """

    about: str
    run: str
    digest: str
    typed: Mapping[str, Sequence[str]] = hidden(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AskCode:
    """Send a code that confirms this decision to the address of its link. The decision is stored until then.

    `holder`: a secret of the browser that asks; no other browser can use the code. `label`: the name of the browser,
    for the email. `draft`: the form, which is kept for this browser if a code is sent.
    """

    decide: Decide
    holder: str = hidden(repr=False)
    label: str = ""
    draft: FormDraft | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignIn:
    """Send a code to sign in to this address. `form` and `holder`: as in `AskCode`.

    `client`: the network address that asks, if codes for it are limited. Only a digest of it is stored. `request`: the
    page that the browser returns to. `draft`: the form there, which is kept for this browser.
    """

    email: str
    holder: str = hidden(repr=False)
    form: str | None = None
    label: str = ""
    client: str | None = hidden(default=None, repr=False)
    request: str | None = None
    draft: FormDraft | None = None
    workspace: str = DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class AskSignIn:
    """Keep a decision until the person signs in with their account, or only sign in if there is no decision.

    `holder`: as in `AskCode`; empty if the decision was made in a messenger, whose person opens a browser for it.
    `client`: as in `SignIn`. `draft`: as in `AskCode`. `request`: the page that the browser returns to without a
    decision.
    """

    decide: Decide | None
    holder: str = hidden(repr=False)
    form: str | None = None
    client: str | None = None
    draft: FormDraft | None = None
    request: str | None = None
    workspace: str = DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishSignIn:
    """Complete a sign-in with the account that the identity provider vouches for.

    `name`: of the person, as the provider knows it. `browser`: the secret of a
    browser that was remembered so far, whose place the new one takes.
    """

    sign_in: str
    holder: str = hidden(repr=False)
    account: Address
    name: str
    browser: str | None = hidden(default=None, repr=False)
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveCode:
    """Give the code from an email. `label`: the name of the browser, for the list of remembered browsers.

    `browser`: the secret of the browser, if it is remembered already.
    """

    challenge: str
    holder: str = hidden(repr=False)
    code: str = hidden(repr=False)
    label: str = ""
    browser: str | None = hidden(default=None, repr=False)


class SignOut(Struct, frozen=True, kw_only=True):
    """Forget all browsers of a person. `person`: their id, or an address of theirs."""

    person: str
    actor: Address
    origin: Origin
    workspace: str = DEFAULT_WORKSPACE


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAnswerCode:
    """Send a code that confirms this answer to the owner. `holder`, `label` and `draft`: as in `AskCode`."""

    answer: AnswerAttention
    holder: str = hidden(repr=False)
    label: str = ""
    draft: FormDraft | None = None
