"""Lives: which hosts there were, from when to when, and what they were handed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from stigmergy.actors.journal import Entry


@dataclass(slots=True)
class Life:
    """One life of a host: from its joining to its loss, or to the end of the run."""

    host: str
    """``name.epoch``."""
    kinds: list[str]
    """What it ran; empty for every kind that shares hosts."""
    joined: float
    """Unix seconds."""
    gone: float | None = None
    """Unix seconds; None when it was there to the end."""
    attempts: int = 0
    """Messages that it was handed."""
    lost: int = 0
    """Messages that it had when it was lost; they went back in line."""

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


class Lives:
    """All lives of all hosts, in order of joining."""

    def __init__(self) -> None:
        self.all: dict[str, Life] = {}

    def apply(self, entry: Entry) -> None:
        """Follow one entry."""
        data = entry.data
        match entry.kind:
            case "registry.join":
                host = f"{data['host']}.{data['epoch']}"
                self.all[host] = Life(host, list(data["kinds"]), entry.at)
            case "registry.gone":
                life = self.all.get(f"{data['host']}.{data['epoch']}")
                if life is not None:
                    life.gone = entry.at
            case "mail.attempt" if data["host"] in self.all:
                self.all[data["host"]].attempts += 1
            case "mail.attempts":
                for _, _, host in data["of"]:
                    if host in self.all:
                        self.all[host].attempts += 1
            case "mail.lost" if data["host"] in self.all:
                self.all[data["host"]].lost += len(data["ids"])
