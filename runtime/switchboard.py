"""The switchboard: which shards a driver's request is for, and one answer of what they say.

The rule of this file: a request is for the shard that holds what it is about; what is the whole swarm's is for the
lead; and what everybody must know, or knows a part of, is for all. With one shard it is always for that one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Final

from stigmergy.actors.board.owners import LEAD, Owners, joined
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import StigmergyError, UsageError
from stigmergy.protocols.ids import skill_of

from .line import Line

_FIRST: Final = frozenset({"kind", "join", "lost", "retire", "resume"})
"""What every shard has to hear; their answers are alike."""

_SUMS: Final = ("accepted", "waiting", "left", "decided", "held", "reserved", "forfeited", "forfeited_tools", "seq")


class Switchboard:
    """The lines to all shards of one swarm."""

    def __init__(self, lines: Sequence[Line]) -> None:
        """``lines`` are those to all shards, the lead's first."""
        self.owners = Owners(len(lines))
        self.lines = list(lines)
        self._joins: dict[str, Callable[[Sequence[Any]], Any]] = {
            **dict.fromkeys(_FIRST, lambda answers: answers[LEAD]),
            "epochs": _newest,
            "counts": counted,
            "cases": lambda answers: sorted((case for some in answers for case in some), key=_since),
        }

    async def call(self, request: str, payload: Any = None, *, timeout_s: float = 30.0) -> Any:
        """A request to whom it is for. Raises: as `Line.call`."""
        if len(self.lines) == 1:
            return await self.lines[LEAD].call(request, payload, timeout_s=timeout_s)
        if request in self._joins:
            answers = await self._all(request, payload, timeout_s)
            if request == "counts" and not any(answer["waiting"] for answer in answers):
                answers = await self._again(answers, timeout_s)
            return self._joins[request](answers)
        if request in {"look", "act"}:
            shards = self.owners.of_operation(payload[0], payload[1])
            answers = await self._all(request, payload, timeout_s, shards)
            return answers[0] if len(shards) == 1 else joined(payload[0], payload[1], answers)
        if request == "ledger" and payload[0] in {"position", "accounts"}:
            await self._all("settle", None, timeout_s, self.owners.others(LEAD))
        if request == "decide":
            return await self._decide(payload, timeout_s)
        if request == "put back":
            return await self._put_back(payload, timeout_s)
        return await self.lines[LEAD].call(request, payload, timeout_s=timeout_s)

    async def call_once(self, request: str, payload: Any = None, *, timeout_s: float = 30.0) -> Any:
        """A request that only the boards of this moment can answer. Raises: as `Line.call_once`."""
        lines = self.lines if request in _FIRST else self.lines[:1]
        answers = await asyncio.gather(*(line.call_once(request, payload, timeout_s=timeout_s) for line in lines))
        return answers[LEAD]

    def end(self, text: str) -> None:
        """No other boards will come."""
        for line in self.lines:
            line.end(text)

    def refuse(self, error: StigmergyError) -> None:
        """Messages that wait for a board which is not there do not go to the next one."""
        for line in self.lines:
            line.refuse(error)

    async def line_for(self, envelope: Envelope) -> Line:
        """The line to the shard that takes a message in: the lead also those that nobody can take."""
        to = envelope.to
        if skill_of(to) is not None and len(self.lines) > 1:
            to = await self.lines[LEAD].call("resolve", [to, envelope.type])
        owners = self.owners
        shard = owners.of_name("topics", to) if envelope.mode == "post" else owners.of_agent(to) if to else LEAD
        return self.lines[shard]

    async def _all(
        self, request: str, payload: Any, timeout_s: float, shards: Sequence[int] | None = None
    ) -> list[Any]:
        wanted = self.owners.everybody if shards is None else shards
        calls = (self.lines[shard].call(request, payload, timeout_s=timeout_s) for shard in wanted)
        return list(await asyncio.gather(*calls))

    async def _again(self, before: list[Any], timeout_s: float) -> list[Any]:
        """Nobody had anything when each was asked; whether that was so at one moment, a second look tells."""
        after = await self._all("counts", None, timeout_s)
        if any(one["seq"] != other["seq"] for one, other in zip(before, after, strict=True)):
            after[LEAD]["waiting"] += 1  # something moved meanwhile: ask again
        return after

    async def _decide(self, payload: Any, timeout_s: float) -> Any:
        cases = await self._all("cases", None, timeout_s)
        for line, some in zip(self.lines, cases, strict=True):
            if any(case["id"] == payload[0] for case in some):
                return await line.call("decide", payload, timeout_s=timeout_s)
        return await self.lines[LEAD].call("decide", payload, timeout_s=timeout_s)  # it says what is wrong

    async def _put_back(self, letters: list[str], timeout_s: float) -> dict[str, str]:
        found: dict[str, str] = {}
        for letter in letters:
            said = await asyncio.gather(
                *(line.call("put back", [letter], timeout_s=timeout_s) for line in self.lines), return_exceptions=True
            )
            known = [answer for answer in said if not isinstance(answer, BaseException)]
            wrong = [answer for answer in said if isinstance(answer, BaseException)]
            if not known or any(not isinstance(error, UsageError) for error in wrong):
                raise next(error for error in wrong if isinstance(error, StigmergyError))
            if len(known) > 1 and len(known) < len(said):
                raise UsageError(f"{len(known)} dead letters begin with {letter!r:.40}; give the id of one, or all")
            for answer in known:
                found.update(answer)
        return found


def counted(answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of all shards together; a stop is the lead's."""
    if len(answers) == 1:
        return answers[LEAD]
    dead: Counter[str] = Counter()
    for answer in answers:
        dead.update(answer["dead_letters"])
    whole = blake2b("".join(answer["digest"] for answer in answers).encode(), digest_size=16)
    sums = {name: sum(answer[name] for answer in answers) for name in _SUMS}
    return {**answers[LEAD], **sums, "dead_letters": dict(dead), "digest": whole.hexdigest()}


def _newest(answers: Sequence[dict[str, int]]) -> dict[str, int]:
    """By host: the newest epoch that any shard has given it."""
    newest: dict[str, int] = {}
    for answer in answers:
        for host, epoch in answer.items():
            newest[host] = max(epoch, newest.get(host, 0))
    return newest


def _since(case: dict[str, Any]) -> float:
    return float(case["since"])
