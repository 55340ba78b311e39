"""Every error that the project raises, in one tree.

    StigmergyError
    ├── UsageError                 the caller asked for something impossible; say what to do
    │   └── InvalidName, UnknownMessage, InvalidCard, IllegalMove, NoJournal, TurnOver
    ├── WireError                  bytes that do not follow the protocol
    │   └── Malformed, Oversized, UnknownVersion
    ├── DeliveryError              a message did not reach a handler that finished
    │   └── NoSuchAgent, MailboxFull, DeadlineExceeded, HandlerFailed, HostLost, Quarantined
    ├── BudgetError
    │   └── BudgetExhausted, UnknownPrice, LedgerUnreachable
    ├── JournalError
    │   └── JournalCorrupt, JournalLocked, JournalLost, StorageFull
    ├── ModelError
    │   └── ModelUnavailable, ModelRefused, ModelOutputInvalid
    ├── BoardError                 the blackboard is not as the caller thought
    │   └── Conflict, ClaimLost
    ├── StepFailed                 something that a turn did outside the swarm raised
    ├── ToolError
    │   ├── ToolRefused, ToolFailed, ToolTimeout
    │   └── AmbiguousEffect        nobody knows whether it happened; a person decides
    ├── NonDeterministic           a replayed turn took another road
    ├── SwarmStopped
    └── Fenced                     a lease was lost; the work belongs to a successor

The rule of this file: fields are positional and all are handed to ``super().__init__``, because an exception with
keyword-only fields cannot cross a Ray call. `pack` and `unpack` turn any of them into plain data and back.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final

from .legible import legible, scalar


class StigmergyError(Exception):
    """Root of the tree. ``fields`` names the positional arguments, in order."""

    fields: ClassVar[tuple[str, ...]] = ("message",)

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        for name, value in zip(self.fields, args, strict=False):
            setattr(self, name, value)

    def __str__(self) -> str:
        # Total, because an error may come off a wire with arguments missing or of the wrong type.
        try:
            return self.explain()
        except (AttributeError, TypeError, ValueError):
            return f"{type(self).__name__}{self.args}"

    def explain(self) -> str:
        """The message for people."""
        return str(self.args[0]) if self.args else type(self).__name__


class UsageError(StigmergyError):
    """The caller asked for something impossible. The command line shows it and exits with 2."""


class InvalidName(UsageError):
    """A name or address that does not match ``[A-Za-z0-9_.-]{1,64}``."""


class UnknownMessage(UsageError):
    """A message type that nobody in this swarm declared."""


class InvalidCard(UsageError):
    """A card that breaks A2A 1.0, or contradicts one that is already registered."""


class IllegalMove(UsageError):
    """An event that a task in that state cannot have."""

    fields = ("message", "state", "event")

    state: str
    event: str


class NoJournal(UsageError):
    """There is no journal at that place, whoever was ended before it was made; its disk or server said so."""


class TurnOver(UsageError):
    """A context that was used after its turn: what it would do could no longer be committed with it."""


class WireError(StigmergyError):
    """Bytes that do not follow the protocol. Never retried: the same bytes fail again."""


class Malformed(WireError):
    """Not msgpack, the wrong shape, too deeply nested, or an unknown type."""


class Oversized(WireError):
    """Larger than the limit: 256 KiB a frame, 10,000 items, depth 32."""


class UnknownVersion(WireError):
    """A message or a state that newer code wrote, or older code whose data nothing brings forward."""


class DeliveryError(StigmergyError):
    """A message did not lead to a finished turn."""


class NoSuchAgent(DeliveryError):
    """Nobody answers to that address, kind or skill."""


class MailboxFull(DeliveryError):
    """The recipient's mailbox is at its bound; try again later, or slower."""


class DeadlineExceeded(DeliveryError):
    """No answer in time. Whether the work was done is unknown."""


class HandlerFailed(DeliveryError):
    """The recipient's handler raised, and its retries are used up."""


class HostLost(DeliveryError):
    """The recipient's host is gone, and with it what it had. Whether the work was done is unknown."""


class Quarantined(DeliveryError):
    """The conversation was stopped by the loop watchdog."""


class BudgetError(StigmergyError):
    """The budget watchdog said no, or could not say yes."""


class BudgetExhausted(BudgetError):
    """A reservation that would pass a ceiling. Nothing was spent."""

    fields = ("account", "dimension", "requested", "available", "ceiling")

    account: str
    dimension: str
    requested: float
    available: float
    ceiling: float

    def explain(self) -> str:
        """See `StigmergyError.explain`."""
        ways = {"agents": "wait until one is passivated", "depth": "turn to agents that are alive"}
        other = ways.get(self.dimension, "ask for less")
        what = self.dimension.removesuffix("s") if self.requested == 1 else self.dimension
        said = f"{self.requested:g} {what} asked for, {self.available:g} left of {self.ceiling:g}"
        if self.dimension == "depth":
            said = f"depth {self.requested:g} asked for, {self.ceiling:g} is the deepest"
        elif self.dimension == "seconds" and not self.available:
            said, other = f"all {self.ceiling:g} seconds are over", "begin anew"
        return f"budget of account {self.account!r} exhausted: {said}; raise the ceiling or {other}"


class UnknownPrice(BudgetError):
    """No price is known for a model, and no fallback price was set. Unknown is never zero."""


class LedgerUnreachable(BudgetError):
    """The ledger does not answer, so no new call may be paid for."""


class JournalError(StigmergyError):
    """The journal cannot be trusted or cannot be written."""


class JournalCorrupt(JournalError):
    """A checksum, the hash chain or the high-water mark disagrees with the rows."""


class JournalLocked(JournalError):
    """Another process has this journal open."""


class JournalLost(JournalError):
    """The server that has the journal went away. Nothing is acknowledged; open it again to learn what was kept."""


class StorageFull(JournalError):
    """No room to write. Nothing of the refused batch was kept."""


class ModelError(StigmergyError):
    """A model call that gave no usable answer."""


class ModelUnavailable(ModelError):
    """The provider failed, was overloaded or timed out after every retry."""


class ModelRefused(ModelError):
    """The provider rejected the request, or the model declined to answer."""


class ModelOutputInvalid(ModelError):
    """The answer does not follow the schema that was asked for."""


class BoardError(StigmergyError):
    """The blackboard is not as the caller thought; look again and decide again."""


class Conflict(BoardError):
    """A compare-and-set that came too late: the fact has another version. Read it, decide again, write again."""

    fields = ("key", "expected", "version")

    key: str
    expected: int
    version: int

    def explain(self) -> str:
        """See `StigmergyError.explain`."""
        wanted = f"at version {self.expected}" if self.expected else "not to exist"
        found = f"is at version {self.version}" if self.version else "does not exist"
        return f"fact {self.key!r} was expected {wanted}, but {found}; read it again and decide again"


class ClaimLost(BoardError):
    """A claim that has ended: stop working on the item and change nothing; it may have another holder."""

    fields = ("queue", "item", "token")

    queue: str
    item: str
    token: int

    def explain(self) -> str:
        """See `StigmergyError.explain`."""
        return f"claim {self.token} on item {self.item!r} of queue {self.queue!r} has ended; leave the item alone"


class StepFailed(StigmergyError):
    """What a turn did outside the swarm raised an error of its own: the same one on every replay of the turn."""


class ToolError(StigmergyError):
    """A tool that was not run, or not to its end."""


class ToolRefused(ToolError):
    """The kind may not use the tool so: not on its list, arguments that do not fit, over a cap; or a person said no."""


class ToolFailed(ToolError):
    """The tool says that it failed, and that nothing has happened outside. Raise it in a tool's function."""


class ToolTimeout(ToolError):
    """The tool took longer than its deadline. Whether it did its work is unknown."""


class AmbiguousEffect(ToolError):
    """An irreversible tool may have had its effect or not, and a person gave the message up."""


class NonDeterministic(StigmergyError):
    """A replayed turn asked for another step than the one that was recorded."""


class SwarmStopped(StigmergyError):
    """The swarm has stopped; ``reason`` says why (``budget``, ``loop``, ``user``, ``failure``)."""

    fields = ("message", "reason")

    reason: str


class Fenced(StigmergyError):
    """This host's lease has ended; it must stop, its successor owns the work."""


def _leaves(root: type[StigmergyError]) -> dict[str, type[StigmergyError]]:
    return {root.__name__: root} | {name: kind for sub in root.__subclasses__() for name, kind in _leaves(sub).items()}


KINDS: Final = _leaves(StigmergyError)
"""Every class above by name. Errors that users derive travel as their nearest ancestor here."""


def pack(error: BaseException) -> tuple[str, list[Any]]:
    """Any exception as plain data that can be encoded: the name of its nearest known class, and its arguments."""
    for cls in type(error).__mro__:
        if KINDS.get(cls.__name__) is cls:
            return cls.__name__, [scalar(argument) for argument in error.args]
    return "HandlerFailed", [legible(f"{type(error).__name__}: {legible(error)}")]


def unpack(name: str, args: list[Any]) -> StigmergyError:
    """The inverse of `pack`. An unknown name gives a plain `StigmergyError`."""
    return KINDS.get(name, StigmergyError)(*args)
