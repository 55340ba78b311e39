"""The warden: shows the loop watchdog what passes the board, and remembers its verdicts in the journal.

Where there are several shards each has a watchdog of its own, and shows the lead's what only that can judge; see
`lookout`. Verdicts are told to all: ``watch.verdict`` is one of this shard, ``watch.heard`` one of another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.kind import KindSpec
from stigmergy.protocols.series import Series

from ..watchdog.limits import LoopLimits
from ..watchdog.sightings import Action, Reason, Sighting, Verdict
from ..watchdog.watchdog import LoopWatchdog
from .lookout import PATIENCE_S, SHALLOW, limits_of
from .owners import Place

ENDING: Final = frozenset({Action.QUARANTINE, Action.STOP})
"""Verdicts after which a conversation gets no further."""


class Warden:
    """The watchdog of one shard, with its verdicts kept; that of the lead sees what concerns the whole swarm."""

    def __init__(self, record: Callable[[str, dict[str, Any]], None], limits: dict[str, Any], place: Place) -> None:
        self._record = record
        own = LoopLimits(**limits_of(limits, lead=place.is_lead))
        self._watchdog = LoopWatchdog(own, PATIENCE_S if place.is_lead and place.shards > 1 else 0.0)
        self._shows = not place.is_lead
        self.shown: list[list[Any]] = []
        """What the lead has to hear, in order, each as for `hear`; the lead itself has nothing here."""
        self._reentrant: set[str] = set()
        self.quarantined: dict[str, str] = {}
        """Conversations that were stopped, and what for."""

    def kind(self, spec: KindSpec) -> None:
        """Learn how a kind behaves."""
        if spec.reentrant:
            self._reentrant.add(spec.name)

    def see(self, envelope: Envelope, now: float) -> Verdict | None:
        """Look at a message before it is accepted."""
        if self._shows:
            self.show(envelope)
        verdict = self._watchdog.see(Sighting.of(envelope, now), envelope.body)
        return None if verdict is None else self._keep(verdict)

    def show(self, envelope: Envelope) -> None:
        """Show the lead a message that may be part of a loop; one that it has seen is not seen again."""
        if self._shows and envelope.hops > SHALLOW:
            self.shown.append(["see", envelope.to_wire()])

    def passes(self, series: Series, now: float) -> bool:
        """Whether nothing speaks against a whole series of posts; if not, each is to be seen by itself."""
        if series.conversation in self.quarantined:
            return False
        digests = [hash((message_type, body)) for _, message_type, body in series.posts]
        number, message_type, _ = series.posts[-1]
        last = Sighting(
            series.id(number),
            series.conversation,
            series.cause,
            series.sender,
            series.to,
            message_type,
            digests[-1],
            series.hops,
            now,
            series.mode,
        )
        if not self._watchdog.passes(last, digests):
            return False
        for envelope in series.envelopes() if self._shows and series.hops > SHALLOW else ():
            self.show(envelope)
        return True

    def waits(self, asker: str, asked: str, conversation: str, now: float) -> Verdict | None:
        """An agent waits for another: a ring of these is a deadlock."""
        if self._shows:
            self.shown.append(["waits", asker, asked, conversation])
        reentrant = asked.partition("/")[0] in self._reentrant
        return self._keep(self._watchdog.waits(asker, asked, conversation, now, reentrant=reentrant))

    def answered(self, asker: str, asked: str) -> None:
        """The wait is over."""
        if self._shows:
            self.shown.append(["answered", asker, asked])
        self._watchdog.answered(asker, asked)

    def progress(self, conversation: str, now: float, turn: str) -> None:
        """Something new came of a turn: that excuses what it causes, not a loop beside it."""
        if self._shows:
            self.shown.append(["progress", conversation, turn])
        self._watchdog.progress(conversation, now, turn)

    def finished(self, conversation: str) -> None:
        """The outside request that began a conversation was answered."""
        if self._shows:
            self.shown.append(["finished", conversation])
        if conversation not in self.quarantined:
            self._watchdog.close(conversation)

    def turn_began(self, turn: str, agent: str, conversation: str, deadline: float, now: float) -> None:
        """A host has the turn."""
        if self._shows:
            self._leaves(agent)
        self._watchdog.turn_began(turn, agent, conversation, deadline, now)

    def turn_ended(self, turn: str, agent: str) -> None:
        """The turn committed, failed or was taken back."""
        if self._shows:
            self._leaves(agent)
        self._watchdog.turn_ended(turn)

    def sweep(self, now: float) -> list[Verdict]:
        """What only time shows."""
        return [kept for verdict in self._watchdog.sweep(now) if (kept := self._keep(verdict)) is not None]

    def hear(self, verb: str, told: list[Any], now: float) -> Verdict | None:
        """At the lead: what another shard shows."""
        match verb:
            case "see":
                return self.see(Envelope.from_wire(told[0]), now)
            case "waits":
                return self.waits(told[0], told[1], told[2], now)
            case "answered":
                self.answered(*told)
            case "leaves":
                self._watchdog.leaves(*told)
            case "progress":
                self.progress(told[0], now, told[1])
            case "finished":
                self.finished(*told)
        return None

    def learn(self, plain: dict[str, Any]) -> Verdict | None:
        """Take over another shard's verdict; None when it was known."""
        if plain["conversation"] in self.quarantined:
            return None
        self._record("watch.heard", plain)
        self.apply(plain)
        action, reason = Action(plain["action"]), Reason(plain["reason"])
        return Verdict(**{**plain, "action": action, "reason": reason, "agents": tuple(plain["agents"])})

    def apply(self, data: dict[str, Any]) -> None:
        """Replay one ``watch.verdict`` or ``watch.heard`` entry."""
        if data["action"] in ENDING and data["conversation"]:
            self.quarantined[data["conversation"]] = data["exchange"]
            self._watchdog.restore([data["conversation"]])

    def _leaves(self, agent: str) -> None:
        """Tell the lead that an agent, whose asks it was shown, waits for nobody any more."""
        if self._watchdog.is_waiting(agent):
            self.shown.append(["leaves", agent])

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
