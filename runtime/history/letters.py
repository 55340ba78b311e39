"""Letters: what became of every message that was accepted, from its acceptance to its last attempt.

Follows the ``mail.*`` entries of a journal and nothing else. The rule it keeps: a letter that has
ended is forgotten, so a long history costs only the memory of what is open at one moment.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from stigmergy.actors.journal import Entry
from stigmergy.protocols.envelope import Envelope

Outcome = Literal["waiting", "running", "done", "dead"]
"""Waiting: no host has it. Running: a host has it. Done: its turn committed. Dead: no attempt will finish it."""


@dataclass(slots=True)
class Attempt:
    """One run of a handler for one letter, as the board saw it."""

    host: str
    began: float
    """Unix seconds when the board handed it over; for a turn that was started over, when that was decided."""
    ended: float = 0.0
    """Unix seconds; 0 while it runs."""
    error: str = ""
    """Why it failed; empty when it did not."""
    lost: bool = False
    """Whether its host was lost, so that nobody knows how far it came."""


@dataclass(slots=True)
class Letter:
    """A message on its way to one agent."""

    envelope: Envelope
    accepted: float
    """Unix seconds."""
    agent: str
    """Who handled it last; empty while it waits in a pool."""
    pool: str
    """The kind whose pool took it; empty for one agent's mail."""
    attempts: list[Attempt] = field(default_factory=list)
    ended: float = 0.0
    """Unix seconds; 0 while it is open."""
    outcome: Outcome = "waiting"
    held: bool = False
    """Whether it waits for a person."""
    reason: str = ""
    """Why it is dead, in the words of the dead-letter topic."""
    detail: str = ""

    @property
    def kind(self) -> str:
        """The kind that it went to."""
        return self.pool or self.agent.partition("/")[0]

    @property
    def failures(self) -> int:
        """Attempts whose handler failed."""
        return sum(bool(attempt.error) and not attempt.lost for attempt in self.attempts)

    def finish(self, at: float, error: str = "", *, lost: bool = False) -> None:
        """End the attempt that runs, if one does."""
        if self.outcome == "running" and self.attempts:
            last = self.attempts[-1]
            last.ended, last.error, last.lost = at, error, lost


class Letters:
    """The open letters of one journal."""

    def __init__(self, wanted: Callable[[Envelope], bool] = lambda _envelope: True) -> None:
        """Only letters that are ``wanted`` are followed; all by default."""
        self._wanted = wanted
        self.open: dict[str, Letter] = {}

    def apply(self, entry: Entry) -> list[Letter]:
        """Follow one entry. Returns the letters that it began, moved or ended; other entries move none."""
        data, at = entry.data, entry.at
        match entry.kind:
            case "mail.accept":
                envelope = Envelope.from_wire(data["e"])
                return self._begin([(envelope, data["pool"])], at)
            case "mail.fan":
                post, copies = Envelope.from_wire(data["e"]), enumerate(data["to"], data.get("first", 0))
                named = [(post._replace(id=f"{post.id}.{n}", to=to), "" if "/" in to else to) for n, to in copies]
                return self._begin(named, at)
            case "mail.attempt":
                return self._handed(data["id"], data["agent"], data["host"], at)
            case "mail.attempts":
                return [x for one, agent, host in data["of"] for x in self._handed(one, agent, host, at)]
            case "mail.again":
                return self._move(data["id"], lambda letter: _start_over(letter, data["error"], at))
            case "mail.lost":
                return [x for one in data["ids"] for x in self._move(one, lambda letter: _take_back(letter, data, at))]
            case "mail.hold":
                held = self._move(data["id"], lambda letter: _hold(letter, at))
                return held + [x for one in data["back"] for x in self._move(one, _untry)]
            case "mail.done":
                return self._end(data["id"], at, "done", "", "")
            case "mail.dead":
                return self._end(data["id"], at, "dead", data["reason"], data["detail"])
        return []

    def _begin(self, arrivals: list[tuple[Envelope, str]], at: float) -> list[Letter]:
        begun = [Letter(e, at, "" if pool else e.to, pool) for e, pool in arrivals if self._wanted(e)]
        self.open.update((letter.envelope.id, letter) for letter in begun)
        return begun

    def _handed(self, message: str, agent: str, host: str, at: float) -> list[Letter]:
        return self._move(message, lambda letter: _hand_over(letter, agent, host, at))

    def _move(self, message: str, change: Callable[[Letter], None]) -> list[Letter]:
        letter = self.open.get(message)
        if letter is None:
            return []
        change(letter)
        return [letter]

    def _end(self, message: str, at: float, outcome: Outcome, reason: str, detail: str) -> list[Letter]:
        letter = self.open.pop(message, None)
        if letter is None:
            return []
        letter.finish(at, detail)
        letter.outcome, letter.ended, letter.reason, letter.detail = outcome, at, reason, detail
        return [letter]


def _hand_over(letter: Letter, agent: str, host: str, at: float) -> None:
    letter.agent, letter.outcome, letter.held = agent, "running", False
    letter.attempts.append(Attempt(host, at))


def _start_over(letter: Letter, error: str, at: float) -> None:
    letter.finish(at, error)
    letter.attempts.append(Attempt(letter.attempts[-1].host, at))


def _take_back(letter: Letter, lost: dict[str, Any], at: float) -> None:
    """Its host was lost. If it waited there behind another letter, that was no attempt."""
    if letter.envelope.id in lost.get("ran", lost["ids"]):
        letter.finish(at, f"host {lost['host']} was lost", lost=True)
        letter.outcome = "waiting"
    else:
        _untry(letter)


def _hold(letter: Letter, at: float) -> None:
    letter.finish(at, "held: a person has to decide")
    letter.outcome, letter.held = "waiting", True


def _untry(letter: Letter) -> None:
    """It waited behind another letter at its host: that was no attempt."""
    letter.attempts.pop()
    letter.outcome = "waiting"
