"""Events: what happens in a swarm, as lines for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from stigmergy.actors.ledger import ROOT

from .text import clean, counted, cut, first_line, percent

SHOWN_DEAD_LETTERS: Final = 3
"""Dead letters that are shown; the others are only counted."""

_DID: Final = {
    "warn": "warning about",
    "slow": "slowed down",
    "quarantine": "quarantined",
    "stop": "stopped the swarm because of",
}
_UNITS: Final = {
    "usd": "USD",
    "model_calls": "model calls",
    "tool_calls": "tool calls",
    "seconds": "s of wall clock",
}


class Events:
    """Turns events into lines, and counts those that would be too many."""

    def __init__(self) -> None:
        self.dead_letters = 0
        self._lost: set[str] = set()
        """Places of hosts whose loss was told: a resumed run has hosts in the places of an earlier life's."""

    def line(self, event: str, data: Mapping[str, Any]) -> str:
        """A line about an event; empty for one that nobody needs to read."""
        match event:
            case "budget_alert":
                return alert_line(data)
            case "verdict":
                return f"watchdog: {verdict_line(data)}"
            case "dead_letter":
                return self._dead_letter(data)
            case "case":
                call = f"{clean(data['tool'])} of {data['agent']} ({data['reason']})"
                return f"waits for a person: {call}; `stigmergy approve` lists it once the run is over"
            case "host_lost":
                back = f"; {counted(data['letters'], 'message')} it had will be tried again" if data["letters"] else ""
                self._lost.add(_place(data))
                return f"host {data['host']} was lost ({first_line(data['reason'])}){back}"
            case "host_stalled":
                at, s = clean(data["at"]), data["seconds"]
                waits = "all agents of that host wait (what blocks belongs in ctx.run)"
                return f"host {data['host']} stands still: {at} has not returned for {s:.0f} s, and {waits}"
            case "stalled":
                at, s = clean(data["at"]), data["seconds"]
                waits = "all agents wait (what blocks belongs in ctx.run)"
                return f"everything stands still: {at} has not returned for {s:.0f} s, and {waits}"
            case "host_started" if not str(data["host"]).endswith(".1"):
                did = "took its place" if _place(data) in self._lost else "goes on with what was left"
                return f"host {data['host']} {did}"
            case "stopped":
                return f"stopping ({data['reason']}): what is in flight may finish, nothing new begins"
        return ""

    def rest(self) -> str:
        """A line about what was counted and not shown."""
        more = self.dead_letters - SHOWN_DEAD_LETTERS
        return f"{counted(more, 'more dead letter')}; `stigmergy dead-letters` lists them" if more > 0 else ""

    def _dead_letter(self, data: Mapping[str, Any]) -> str:
        self.dead_letters += 1
        if self.dead_letters > SHOWN_DEAD_LETTERS:
            return ""
        about = f"{data['type']} to {data['to']}: {data['reason']}"
        return f"dead letter: {clean(about)}: {first_line(data['detail'], 160)}"


def _place(data: Mapping[str, Any]) -> str:
    """``host-1`` of the host ``host-1.2``, which is the second one there."""
    return str(data["host"]).rpartition(".")[0]


def alert_line(data: Mapping[str, Any]) -> str:
    """``budget: 50 % of 2,000 messages used (1,000)``."""
    whose = "" if data["account"] == ROOT else f" of {data['account']}"
    of = f"{_amount(data['ceiling'])} {_UNITS.get(data['dimension'], data['dimension'])}"
    return f"budget{whose}: {percent(data['share'])} of {of} used ({_amount(data['used'])})"


def verdict_line(data: Mapping[str, Any]) -> str:
    """What the loop watchdog did, to which conversation, and why."""
    which = f"conversation {data['conversation'][:12]}" if data["conversation"] else "the whole swarm"
    did = _DID.get(data["action"], data["action"])
    agents = ", ".join(data["agents"])
    exchange = cut(clean(data["exchange"]), 300)
    advice = f"; {clean(data['advice'])}" if data["advice"] else ""
    return f"{did} {which}: {data['reason'].replace('_', ' ')} between {clean(agents)}: {exchange}{advice}"


def stopper(reason: str) -> str:
    """Who or what stops a swarm for that reason."""
    words = {"budget": "a budget", "loop": "the loop watchdog", "user": "the user", "failure": "a failure"}
    return words.get(reason, reason)


def _amount(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,.6f}".rstrip("0")
