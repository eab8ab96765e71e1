"""Faults of the mail server on demand, each at a stage of the SMTP dialogue.

The stages are `connect` (the greeting), `tls` (the handshake), `ehlo`, `starttls`, `auth`, `mail`, `rcpt`, `data` (the
command), `dot` (the end of the content), `rset`, `noop`, `vrfy`, `quit`, and `*` (every one but `tls`). Faults that hit
the same stage are used in the order they were added.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Final, Literal, TypeAlias

from bot.devtools.sandbox.armed_faults import ArmedFaults
from bot.devtools.sandbox.jsontypes import Json
from bot.devtools.sandbox.mail.replies import SmtpReply

MailFaultKind = Literal["error", "slow", "reset", "lost", "hang", "missing", "certificate", "broken"]
KINDS: Final = frozenset(MailFaultKind.__args__)  # type: ignore[attr-defined]
STAGES: Final = frozenset(
    {"connect", "tls", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "dot", "rset", "noop", "vrfy", "quit", "*"}
)
EXTENSIONS: Final = frozenset({"starttls", "auth", "size", "8bitmime", "smtputf8", "pipelining", "enhancedstatuscodes"})
_WITH_RECIPIENT: Final = frozenset({"rcpt", "data", "dot"})

# The usual texts of real servers with these codes.
_USUAL: Final = {
    421: ("4.3.2", "Service not available, closing transmission channel"),
    450: ("4.2.0", "Mailbox busy, try again later"),
    451: ("4.3.0", "Local error in processing"),
    452: ("4.3.1", "Insufficient system storage"),
    454: ("4.7.0", "Temporary failure"),
    530: ("5.7.0", "Authentication required"),
    535: ("5.7.8", "Authentication credentials invalid"),
    550: ("5.1.1", "User unknown"),
    552: ("5.3.4", "Message too big"),
    553: ("5.1.3", "Mailbox name not allowed"),
    554: ("5.7.1", "Refused by policy"),
}
_FULL: Final = ("5.2.2", "Mailbox full")


@dataclass(kw_only=True)
class MailFault:
    """One fault, to be used `times` times (None: until it is cleared).

    | kind | what happens |
    |---|---|
    | error | the reply is `code`, `enhanced` and `text` (default: the usual ones of the code); with `landed`, an email at `dot` is kept nevertheless. After 421 the connection is closed |
    | slow | `seconds` pass by the sandbox's clock first |
    | reset | the connection is closed before the command takes effect |
    | lost | the command takes effect (at `dot`: the email is kept), then the connection is closed without a reply |
    | hang | the command takes effect, and is never answered |
    | missing | `on` names an extension, which is neither announced nor understood on one connection |
    | certificate | at `tls`: the handshake uses a certificate of an unknown authority |
    | broken | at `tls`: the handshake is answered by bytes that are not TLS |
    """  # noqa: E501 a row of a table

    on: str
    kind: MailFaultKind
    times: int | None = 1
    skip: int = 0
    """Number of matching events that pass before the fault is used."""
    to: str | None = None
    """Limits the fault to emails to this address: the recipient at `rcpt`, an accepted one at `data` and `dot`."""
    code: int = 451
    enhanced: str | None = None
    text: str | None = None
    seconds: float = 1.0
    landed: bool = False

    @property
    def reply(self) -> SmtpReply:
        """Return the answer of an error."""
        enhanced, text = _USUAL.get(self.code, (f"{self.code // 100}.0.0", "As the sandbox was told"))
        if self.code == 552 and self.on == "rcpt":
            enhanced, text = _FULL
        return SmtpReply(self.code, self.text if self.text is not None else text, enhanced=self.enhanced or enhanced)

    def check(self) -> None:
        """Raise `ValueError` for a fault that can never happen."""
        if self.kind not in KINDS:
            raise ValueError(f"there is no fault {self.kind!r}; there are {', '.join(sorted(KINDS))}")
        places = EXTENSIONS if self.kind == "missing" else STAGES
        if self.on not in places or (self.kind in ("certificate", "broken") and self.on != "tls"):
            raise ValueError(f"a fault {self.kind!r} cannot hit {self.on!r}")
        if self.on == "tls" and self.kind == "error":
            raise ValueError("a handshake is answered by no code; there are 'certificate', 'broken' and 'reset'")
        if self.to is not None and self.on not in _WITH_RECIPIENT:
            raise ValueError(f"at {self.on!r} no recipient is known; it is at {', '.join(sorted(_WITH_RECIPIENT))}")
        if self.kind == "error" and not 200 <= self.code <= 599:
            raise ValueError(f"there is no code {self.code}")


Hits: TypeAlias = Callable[[MailFault], bool]


class MailFaults(ArmedFaults[MailFault]):
    """The armed faults. `down`: nothing listens at the port."""

    def add(self, fault: MailFault) -> MailFault:
        """Arm a fault. Raises `ValueError` for one that can never happen."""
        fault.check()
        self.queue.append(fault)
        return fault

    def take(self, stage: str, to: Collection[str] = ()) -> MailFault | None:
        """Return the fault for this stage and these recipients, and count one use of it."""
        return self._take(lambda fault: fault.kind != "missing" and _at(fault, stage), to)

    def lacks(self, extension: str) -> bool:
        """Return whether the extension is missing on this connection, and count one use of the fault."""
        return self._take(lambda fault: fault.kind == "missing" and fault.on == extension, ()) is not None

    def _take(self, hits: Hits, to: Collection[str]) -> MailFault | None:
        present = {address.lower() for address in to}
        return self.first(lambda fault: hits(fault) and (fault.to is None or fault.to.lower() in present))

    def clear(self) -> None:
        """Disarm all faults. The owner of the server starts it if it is down."""
        self.queue.clear()

    def to_json(self) -> Json:
        """Return the armed faults."""
        return {"down": self.down, "queue": [asdict(fault) for fault in self.queue]}


def _at(fault: MailFault, stage: str) -> bool:
    return fault.on == stage or (fault.on == "*" and stage != "tls")
