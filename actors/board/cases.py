"""Cases: turns that only a person can decide, because of a tool whose effect cannot be taken back.

Either nobody knows whether the tool had its effect (its process died, or it raised what does not say
so), or the context is marked and a person has to agree first. The rule of this file: such a turn is
held, never repeated by itself; what the person says becomes a recorded step, and the turn goes on from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NamedTuple

from stigmergy.protocols.errors import AmbiguousEffect, ToolRefused, UsageError, pack
from stigmergy.protocols.turn import APPROVED, REFUSED, WANTED, Step

from .clerk import Clerk
from .letter import Letter
from .machines import Machines

Verdict = Literal["do", "happened", "refuse", "give-up"]
"""Make the call (again); it happened, with this result; fail the call with a `ToolRefused`; bury the message."""

VERDICTS: Final = ("do", "happened", "refuse", "give-up")

AMBIGUOUS: Final = "ambiguous effect"
UNAPPROVED: Final = "not approved"


class Case(NamedTuple):
    """What a person has to decide."""

    id: str
    """Id of the message whose turn is held."""
    reason: str
    """``ambiguous effect``, or ``not approved`` when the call has not been made yet."""
    agent: str
    conversation: str
    tool: str
    arguments: dict[str, Any]
    key: str
    """The idempotency key, as the tool hands it on."""
    marks: tuple[str, ...]
    """Why a person has to agree: where content came from that the context has seen."""
    error: str
    """What the tool raised, if its process lived to tell."""
    since: float
    """Unix seconds; 0 when the board has not come to holding it."""

    @classmethod
    def of(cls, letter: Letter, step: Step) -> Case:
        """The case that a step in doubt makes."""
        deed = step.result
        return cls(
            id=letter.envelope.id,
            reason=UNAPPROVED if step.outcome == WANTED else AMBIGUOUS,
            agent=letter.agent,
            conversation=letter.envelope.conversation,
            tool=deed["tool"],
            arguments=deed["arguments"],
            key=deed["key"],
            marks=tuple(deed["marks"]),
            error=deed.get("error", ""),
            since=letter.held_at,
        )

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        return {**self._asdict(), "marks": list(self.marks)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Case:
        """The inverse of `to_plain`."""
        return cls(**{**plain, "marks": tuple(plain["marks"])})


class Cases:
    """Holds turns, lists them, and carries out what a person decides."""

    def __init__(self, machines: Machines, clerk: Clerk) -> None:
        self._m = machines
        self._clerk = clerk

    def hold(self, message: str) -> None:
        """Set a turn aside until a person has decided. Its agent waits with it, unless its kind is reentrant."""
        m = self._m
        letter = m.mail.letters[message]
        host, blocks = letter.host, not m.kinds[letter.agent.partition("/")[0]].reentrant
        m.mail.hold(message, m.now, blocks=blocks)
        if host and blocks:
            m.outbox.tell(host, "held", letter.agent)  # what it has behind the turn is taken back
        m.end_turn(message, letter.agent)
        m.dispatcher.finished(message, host, letter.agent)
        step = letter.doubt
        if step is not None:
            m.outbox.event("case", Case.of(letter, step).to_plain())

    def hold_doubtful(self, messages: Iterable[str]) -> list[str]:
        """Hold those of the letters of a dead host that are in doubt. Returns those that may be tried again."""
        letters = self._m.mail.letters
        ids = list(messages)
        for message in [message for message in ids if letters[message].doubt is not None]:
            self.hold(message)
        return [message for message in ids if letters[message].suspect]

    def open(self) -> list[dict[str, Any]]:
        """All cases, the oldest first."""
        letters = [self._m.mail.letters[message] for message in self._m.mail.held]
        return [Case.of(letter, step).to_plain() for letter in letters if (step := letter.doubt) is not None]

    def decide(self, message: str, verdict: Verdict, value: Any, by: str) -> None:
        """Carry out a person's decision; ``value`` is the result that happened, or the text of a refusal.

        Raises: UsageError.
        """
        m = self._m
        letter = m.mail.letters.get(message)
        step = None if letter is None or not letter.held_at else letter.doubt
        if letter is None or step is None:
            raise UsageError(f"no turn {message!r:.60} waits for a person; it may have been decided already")
        if verdict not in VERDICTS:
            raise UsageError(f"there is no decision {verdict!r:.40}; decide {', '.join(VERDICTS)}")
        case = Case.of(letter, step)
        if verdict == "happened" and case.reason == UNAPPROVED:
            raise UsageError(f"{case.tool} has not been called: decide `do`, `refuse` or `give-up`")
        if verdict == "give-up":
            text = f"{case.tool} of {case.agent} in turn {message}: {case.reason}; given up by {by}"
            error = AmbiguousEffect(text) if case.reason == AMBIGUOUS else ToolRefused(text)
            self._clerk.bury(message, case.reason, error)
        else:
            m.mail.decide(message, _decided(step, verdict, value, by), by)
        m.dispatcher.stir(letter.agent)


def _decided(step: Step, verdict: Verdict, value: Any, by: str) -> Step:
    if verdict == "happened":
        return Step(step.number, step.key, value)
    if verdict == "refuse":
        error = ToolRefused(str(value) or f"{step.result['tool']} was refused by {by}")
        return Step(step.number, step.key, list(pack(error)), REFUSED)
    return Step(step.number, step.key, step.result, APPROVED)
