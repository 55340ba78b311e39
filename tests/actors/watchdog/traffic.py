"""A wire with a watchdog on it: envelopes as agents would send them, one after the other, and what was said of them."""

from __future__ import annotations

from itertools import count
from typing import Any

from stigmergy.actors.watchdog.limits import LoopLimits
from stigmergy.actors.watchdog.sightings import Action, Sighting, Verdict
from stigmergy.actors.watchdog.watchdog import LoopWatchdog
from stigmergy.protocols.codec import pack
from stigmergy.protocols.envelope import Envelope, Mode


class Traffic:
    """``interval_s`` passes between two messages."""

    def __init__(self, limits: LoopLimits | None = None, interval_s: float = 0.01) -> None:
        self.watchdog = LoopWatchdog(limits)
        self.interval_s = interval_s
        self.now = 0.0
        self.messages = 0
        self.verdicts: list[tuple[int, Verdict]] = []
        """With the number of the message at which each fell."""
        self._ids = count()

    def send(
        self,
        sender: str,
        to: str,
        type: str,
        body: Any,
        *,
        after: Envelope | str | None = None,
        conversation: str = "c",
        mode: Mode = "tell",
    ) -> Envelope:
        """One message, sent by the turn that handled ``after``: a message, the id of a tick, or nothing."""
        cause = after.id if isinstance(after, Envelope) else after or ""
        hops = after.hops + 1 if isinstance(after, Envelope) else 0
        name = f"{next(self._ids):032x}"
        envelope = Envelope(name, mode, f"{type}@1", sender, to, pack(body), conversation, cause, hops=hops)
        self.see(envelope)
        self.now += self.interval_s
        return envelope

    def see(self, envelope: Envelope) -> Verdict | None:
        self.messages += 1
        verdict = self.watchdog.see(Sighting.of(envelope, self.now), envelope.body)
        if verdict is not None:
            self.verdicts.append((self.messages, verdict))
        return verdict

    def progress(self, cause: Envelope) -> None:
        """The turn that handled ``cause`` wrote a fact that nobody knew."""
        self.watchdog.progress(cause.conversation, self.now, cause=cause.id)

    def close(self, conversation: str) -> None:
        self.watchdog.close(conversation)

    @property
    def halted(self) -> bool:
        """Whether the newest verdict ended something. Who drives a loop asks after each message, and then stops."""
        return bool(self.verdicts) and self.verdicts[-1][1].action in {Action.QUARANTINE, Action.STOP}
