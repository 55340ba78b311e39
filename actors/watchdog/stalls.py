"""The checks over time: conversations that talk and learn nothing, and a swarm that does."""

from __future__ import annotations

from collections import deque

from .chains import Link
from .conversation import Conversation
from .limits import LoopLimits
from .sightings import Action, Finding, Reason


def check_stall(link: Link, conversation: Conversation, limits: LoopLimits) -> Finding | None:
    """Echoes and nothing else, for long: slow or irregular loops that no other check sees."""
    silent_s = link.sent.at - conversation.learned_at
    if conversation.unheard < limits.stalled_messages or silent_s < limits.stalled_s:
        return None
    text = f"{conversation.unheard} messages in {silent_s:.0f} s told nobody anything new"
    return Finding(Action.QUARANTINE, Reason.NO_PROGRESS, conversation.speakers(), text, conversation.unheard)


class SwarmProgress:
    """Counts over a window for the swarm as a whole."""

    __slots__ = ("_limits", "_quarantined_at", "_since", "echoes", "messages", "progress")

    def __init__(self, limits: LoopLimits) -> None:
        self._limits = limits
        self._quarantined_at: deque[float] = deque(maxlen=limits.swarm_quarantines)
        self._since: float | None = None
        self.messages = 0
        self.echoes = 0
        self.progress = 0

    def quarantined(self, at: float) -> Finding | None:
        """Count a quarantine; many in one window condemn the swarm."""
        times = self._quarantined_at
        times.append(at)
        took_s = at - times[0]
        if len(times) < self._limits.swarm_quarantines or took_s > self._limits.swarm_window_s:
            return None
        text = f"{len(times)} conversations were quarantined in {took_s:.0f} s"
        times.clear()
        return Finding(Action.STOP, Reason.NO_PROGRESS, (), text, self._limits.swarm_quarantines)

    def sweep(self, now: float) -> Finding | None:
        """Judge the window once it is over, and begin the next."""
        if self._since is None:
            self._since = now
        if now - self._since < self._limits.swarm_window_s:
            return None
        echoes, messages, idle = self.echoes, self.messages, not self.progress
        text = f"{echoes} of {messages} messages in {now - self._since:.0f} s told nobody anything new"
        self._since = now
        self.messages = self.echoes = self.progress = 0
        if idle and echoes >= self._limits.swarm_echoes and echoes >= self._limits.swarm_share * messages:
            return Finding(Action.STOP, Reason.NO_PROGRESS, (), text, echoes)
        return None
