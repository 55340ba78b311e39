"""C9: what a turn was answered, it sees.

The board has an answer from its entry `mail.reply` on. Then nobody is asked for it again, and the turn does not fail
for want of it, once nothing keeps it from its host: no fault lasts, and the attempt had the time to be told. So an ask
whose time was over before its answer was there is no violation, nor is an answer for a host that hangs, is cut off,
or was given up. No agent here goes on when an ask has failed, so each answer that is kept is a step of its turn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from .faults import FAULTS_END_S
from .outside import Durable
from .reading import CAUSE, ID, MODE, REPLY_TO, Reading, Told
from .world import Simulation

NOTICED_S: Final = 3.0
"""The longest until a caller notices that its call was lost."""

TOLD_S: Final = 1.0
"""The longest from an answer, or the attempt that asks for it, until the turn sees it, when all is well."""


def unseen(run: Simulation, reading: Reading) -> Iterator[str]:
    """Answers that the board kept, and a turn never saw."""
    asks: dict[str, tuple[str, int, str]] = {}
    answered: defaultdict[str, dict[int, tuple[str, int]]] = defaultdict(dict)
    begun: dict[str, int] = {}
    for entry in reading.entries:
        data = entry.data
        match entry.kind:
            case "mail.accept" | "mail.ask" if "step" in data:
                ask, turn = (
                    (data["id"], data["turn"]) if entry.kind == "mail.ask" else (data["e"][ID], data["e"][CAUSE])
                )
                number, key = data["step"]
                asks[ask] = (turn, number, key)
                if number in answered[turn]:
                    yield f"C9 turn {turn} has the answer to {key} since {answered[turn][number][1]} and asked again"
            case "mail.reply" if data["e"][REPLY_TO] in asks and data["e"][MODE] == "reply":
                turn, number, key = asks[data["e"][REPLY_TO]]
                answered[turn][number] = (key, entry.own)
            case "mail.attempts":
                begun.update((message, entry.own) for message, _, _ in data["of"])
            case "mail.attempt":
                begun[data["id"]] = entry.own
            case "mail.again" | "mail.dead":
                yield from _failed(run, entry, answered.get(data["id"], {}), begun.get(data["id"], 0))
                begun[data["id"]] = entry.own


def _failed(run: Simulation, entry: Told, answered: dict[int, tuple[str, int]], begun: int) -> Iterator[str]:
    """A turn has failed: not because an ask ran out of time whose answer could have been there."""
    said = entry.data["error" if entry.kind == "mail.again" else "detail"]
    for key, own in answered.values():
        _, to, asked, _ = key.split(":")
        if f"{to} did not answer {asked} within" in said:
            since = max(_durable_at(run, entry.shard, own), _durable_at(run, entry.shard, begun), _calm_at(run))
            if _durable_at(run, entry.shard, entry.own) > since + TOLD_S:
                yield f"C9 turn {entry.data['id']} had the answer to {key} since {own} and failed without it: {said}"


def _durable_at(run: Simulation, shard: int, own: int) -> float:
    """When an entry was on the disk."""
    told = (event for event in run.outside.log if isinstance(event, Durable) and event.shard == shard)
    return next((event.at for event in told if event.seq >= own), run.timeline.now)


def _calm_at(run: Simulation) -> float:
    """From when on nothing keeps an answer from a host, nor its question from the board."""
    ends = [fault.at + fault.size for fault in run.plan.faults if fault.kind.startswith(("hang", "cut"))]
    return max([FAULTS_END_S, *ends]) + NOTICED_S
