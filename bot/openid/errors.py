"""The ways in which a sign-in at an identity provider fails."""

from __future__ import annotations

from engine.errors import SignoffError


class TokenRefused(SignoffError):
    """The token does not prove who signed in. The message says why, for the log; it quotes nothing of the token."""


class UnknownKey(SignoffError):
    """The key that signed the token is not among those of the provider that are known here."""


class ProviderUnavailable(SignoffError):
    """The provider does not answer, or its answer cannot be read. Trying again may help."""


class ProviderRefusesApp(SignoffError):
    """The provider does not accept this app. Only the operator can fix that."""
