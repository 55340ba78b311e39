"""The switchboard: which shards a driver's request is for, and one answer of what they say.

The rule of this file: a request is for the shard that holds what it is about; what is the whole swarm's is for the
lead; and what everybody must know, or knows a part of, is for all. With one shard it is always for that one.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from operator import itemgetter
from typing import Any, Final, NamedTuple

from stigmergy.actors.board.owners import LEAD, Owners, joined
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import StigmergyError, UsageError
from stigmergy.protocols.ids import skill_of

from .line import Line

_FOR_ALL: Final = frozenset({"kind", "join", "lost", "retire", "resume", "stalled"})
"""What every shard has to hear; their answers are alike."""


class Asked(NamedTuple):
    """A request."""

    name: str
    payload: Any
    timeout_s: float


class Switchboard:
    """The lines to all shards of one swarm."""

    def __init__(self, lines: Sequence[Line]) -> None:
        """``lines`` are those to all shards, the lead's first."""
        self.owners = Owners(len(lines))
        self.lines = list(lines)
        self._routes: dict[str, Callable[[Asked], Awaitable[Any]]] = {
            **dict.fromkeys(_FOR_ALL, self._tell_all),
            "epochs": self._epochs,
            "counts": self._counts,
            "cases": self._cases,
            "look": self._operate,
            "act": self._operate,
            "ledger": self._ledger,
            "decide": self._decide,
            "put back": self._put_back,
        }
        """By request; any other is the lead's alone."""

    async def call(self, request: str, payload: Any = None, *, timeout_s: float = 30.0) -> Any:
        """A request to whom it is for. Raises: as `Line.call`."""
        asked = Asked(request, payload, timeout_s)
        route = self._routes.get(request, self._lead) if len(self.lines) > 1 else self._lead
        return await route(asked)

    async def call_once(self, request: str, payload: Any = None, *, timeout_s: float = 30.0) -> Any:
        """A request that only the boards of this moment can answer. Raises: as `Line.call_once`."""
        lines = self.lines if request in _FOR_ALL else self.lines[:1]
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

    # -- routes ------------------------------------------------------------------------------

    async def _lead(self, asked: Asked) -> Any:
        return await self._one(LEAD, asked)

    async def _tell_all(self, asked: Asked) -> Any:
        return (await self._all(asked))[LEAD]

    async def _epochs(self, asked: Asked) -> dict[str, int]:
        """By host: the newest epoch that any shard has given it."""
        newest: dict[str, int] = {}
        for answer in await self._all(asked):
            for host, epoch in answer.items():
                newest[host] = max(epoch, newest.get(host, 0))
        return newest

    async def _counts(self, asked: Asked) -> dict[str, Any]:
        """Nobody had anything when each was asked: whether that was so at one moment, a second look tells."""
        answers = await self._all(asked)
        if not any(answer["waiting"] for answer in answers):
            before, answers = answers, await self._all(asked)
            if any(one["seq"] != other["seq"] for one, other in zip(before, answers, strict=True)):
                answers[LEAD]["waiting"] += 1  # something moved meanwhile: ask again
        return counted(answers)

    async def _cases(self, asked: Asked) -> list[Any]:
        """The oldest first."""
        return sorted((case for some in await self._all(asked) for case in some), key=itemgetter("since"))

    async def _operate(self, asked: Asked) -> Any:
        operation, arguments = asked.payload[:2]
        shards = self.owners.of_operation(operation, arguments)
        answers = await self._all(asked, shards)
        return answers[0] if len(shards) == 1 else joined(operation, arguments, answers)

    async def _ledger(self, asked: Asked) -> Any:
        """The books are the lead's; before they are read, the others settle with it."""
        if asked.payload[0] in {"position", "accounts"}:
            await self._all(Asked("settle", None, asked.timeout_s), self.owners.others(LEAD))
        return await self._lead(asked)

    async def _decide(self, asked: Asked) -> Any:
        cases = await self._all(Asked("cases", None, asked.timeout_s))
        held = (shard for shard, some in enumerate(cases) if any(case["id"] == asked.payload[0] for case in some))
        return await self._one(next(held, LEAD), asked)  # if nobody has it, the lead says what is wrong

    async def _put_back(self, asked: Asked) -> dict[str, str]:
        found: dict[str, str] = {}
        for letter in asked.payload:
            each = (self._one(shard, asked._replace(payload=[letter])) for shard in self.owners.everybody)
            said = await asyncio.gather(*each, return_exceptions=True)
            known = [answer for answer in said if not isinstance(answer, BaseException)]
            wrong = [answer for answer in said if isinstance(answer, BaseException)]
            if not known or any(not isinstance(error, UsageError) for error in wrong):
                raise next(error for error in wrong if isinstance(error, StigmergyError))
            if len(known) > 1 and len(known) < len(said):
                raise UsageError(f"{len(known)} dead letters begin with {letter!r:.40}; give the id of one, or all")
            for answer in known:
                found.update(answer)
        return found

    # -- ways --------------------------------------------------------------------------------

    async def _one(self, shard: int, asked: Asked) -> Any:
        return await self.lines[shard].call(asked.name, asked.payload, timeout_s=asked.timeout_s)

    async def _all(self, asked: Asked, shards: Sequence[int] | None = None) -> list[Any]:
        """What these shards say, or all of them, in order."""
        wanted = self.owners.everybody if shards is None else shards
        return list(await asyncio.gather(*(self._one(shard, asked) for shard in wanted)))


def counted(answers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The figures of all shards together: whole numbers are added up; a stop is the lead's."""
    if len(answers) == 1:
        return answers[LEAD]
    dead: Counter[str] = Counter()
    for answer in answers:
        dead.update(answer["dead_letters"])
    whole = blake2b("".join(answer["digest"] for answer in answers).encode(), digest_size=16)
    numbers = (name for name, value in answers[LEAD].items() if type(value) is int)
    sums = {name: sum(answer[name] for answer in answers) for name in numbers}
    return {**answers[LEAD], **sums, "dead_letters": dict(dead), "digest": whole.hexdigest()}
