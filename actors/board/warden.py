"""The warden: shows the loop watchdog what passes the board, and remembers its verdicts in the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.kind import KindSpec

from ..watchdog.limits import LoopLimits
from ..watchdog.sightings import Action, Sighting, Verdict
from ..watchdog.watchdog import LoopWatchdog

ENDING: Final = frozenset({Action.QUARANTINE, Action.STOP})
"""Verdicts after which a conversation gets no further."""


class Warden:
    """The watchdog of one swarm, with its verdicts kept."""

    def __init__(self, record: Callable[[str, dict[str, Any]], None], limits: dict[str, Any]) -> None:
        self._record = record
        self._watchdog = LoopWatchdog(LoopLimits(**limits))
        self._reentrant: set[str] = set()
        self.quarantined: dict[str, str] = {}
        """Conversations that were stopped, and what for."""

    def kind(self, spec: KindSpec) -> None:
        """Learn how a kind behaves."""
        if spec.reentrant:
            self._reentrant.add(spec.name)

    def see(self, envelope: Envelope, now: float) -> Verdict | None:
        """Look at a message before it is accepted."""
        return self._keep(self._watchdog.see(Sighting.of(envelope, now), envelope.body))

    def waits(self, asker: str, asked: str, conversation: str, now: float) -> Verdict | None:
        """An agent waits for another: a ring of these is a deadlock."""
        reentrant = asked.partition("/")[0] in self._reentrant
        return self._keep(self._watchdog.waits(asker, asked, conversation, now, reentrant=reentrant))

    def answered(self, asker: str, asked: str) -> None:
        """The wait is over."""
        self._watchdog.answered(asker, asked)

    def progress(self, conversation: str, now: float, turn: str) -> None:
        """Something new came of a turn: that excuses what it causes, not a loop beside it."""
        self._watchdog.progress(conversation, now, turn)

    def finished(self, conversation: str) -> None:
        """The outside request that began a conversation was answered."""
        if conversation not in self.quarantined:
            self._watchdog.close(conversation)

    def turn_began(self, turn: str, agent: str, conversation: str, deadline: float, now: float) -> None:
        """A host has the turn."""
        self._watchdog.turn_began(turn, agent, conversation, deadline, now)

    def turn_ended(self, turn: str) -> None:
        """The turn committed, failed or was taken back."""
        self._watchdog.turn_ended(turn)

    def sweep(self, now: float) -> list[Verdict]:
        """What only time shows."""
        return [kept for verdict in self._watchdog.sweep(now) if (kept := self._keep(verdict)) is not None]

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Replay one ``watch.verdict`` entry."""
        if kind == "watch.verdict" and data["action"] in ENDING and data["conversation"]:
            self.quarantined[data["conversation"]] = data["exchange"]
            self._watchdog.restore([data["conversation"]])

    def _keep(self, verdict: Verdict | None) -> Verdict | None:
        """Write a verdict down; a conversation that is quarantined needs no second one."""
        if verdict is None:
            return None
        if verdict.conversation and verdict.conversation in self.quarantined:
            return None
        self._record("watch.verdict", verdict.to_plain())
        if verdict.action in ENDING and verdict.conversation:
            self.quarantined[verdict.conversation] = f"{verdict.reason}: {verdict.exchange}"
        return verdict
