"""Who has given a sign of life lately. Never journaled: after a restart everybody gets one lease to show up.

A silent host passes two lines. After ``lease_s`` it has stopped by itself, and is not *healthy*: nothing new is sent
there. After ``takeover_s`` it is *gone*: its agents are placed elsewhere, and it must join again.
"""

from __future__ import annotations

from stigmergy.protocols.supervision import Liveness


class Leases:
    """The last sign of life of each host. Silence counts only while `check` is called every ``heartbeat_s``."""

    def __init__(self, limits: Liveness) -> None:
        self._limits = limits
        self._heard: dict[str, float] = {}
        self._late: set[str] = set()
        self._checked: float | None = None

    def heard(self, host: str, now: float) -> None:
        """A host has joined or renewed. From the first one on it counts how long we sleep ourselves."""
        if self._checked is None:
            self._checked = now
        self._heard[host] = max(now, self._heard.get(host, now))
        self._late.discard(host)

    def forget(self, host: str) -> None:
        """A host has left."""
        self._heard.pop(host, None)
        self._late.discard(host)

    def healthy(self, host: str) -> bool:
        """Whether its lease had not ended at the last `check`."""
        return host in self._heard and host not in self._late

    def check(self, now: float) -> list[str]:
        """The hosts whose successors may take over now."""
        if self._checked is not None:
            self._forgive_own_sleep(now - self._checked - self._limits.suspect_s, now)
            now = max(now, self._checked)
        self._checked = now
        self._late = {host for host, heard in self._heard.items() if now - heard >= self._limits.lease_s}
        return sorted(host for host in self._late if now - self._heard[host] >= self._limits.takeover_s)

    def _forgive_own_sleep(self, slept: float, now: float) -> None:
        """Whoever was suspended heard nobody; that is not the hosts' silence."""
        if slept > 0:
            self._heard = {host: min(heard + slept, now) for host, heard in self._heard.items()}
