"""The boards as a host has them: one, or one for each shard, with the copies that it holds of each.

The rule of this file: what a turn does goes to the shard of its agent, what it looks at or changes at once to the
shard that holds that, and what is the whole swarm's to the lead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any, Final

from stigmergy.protocols.errors import UsageError, pack
from stigmergy.protocols.turn import Turn

from ..board.neighbours import shard_of
from ..board.owners import LEAD, Owners, joined
from ..board.space import is_news
from ..clock import Clock
from ..transport.link import Link
from .replica import Replica

_SWARMS: Final = frozenset({"find", "ledger"})
"""What only the lead can answer."""


class Boards:
    """The links of a host to all shards."""

    def __init__(self, shards: int, clock: Clock) -> None:
        self._owners = Owners(shards)
        self._clock = clock
        self._links: dict[int, Link] = {}
        self._copies: dict[int, Replica] = {}
        self._joined: set[int] = set()
        self._trails: set[str] = set()
        """Trails of other shards that are defined, which none ceases to be."""

    @property
    def several(self) -> bool:
        """Whether there is more than one shard."""
        return self._owners.shards > 1

    @property
    def ready(self) -> bool:
        """Whether turns may begin: once all shards know this host, none of them takes what it does for a stranger's."""
        return not self.several or len(self._joined) == self._owners.shards

    def add(self, peer: str, link: Link) -> None:
        """There is the link to a board."""
        shard = shard_of(peer)
        self._links[shard] = link
        self._copies[shard] = Replica(link, self._clock)

    def has_joined(self, shard: int) -> None:
        """A shard has taken this host in."""
        self._joined.add(shard)

    def __iter__(self) -> Iterator[Link]:
        return iter(self._links.values())

    def home(self, agent: str) -> Link:
        """The board that has an agent's mail."""
        return self._links[self._owners.of_agent(agent)]

    def home_of_first(self, agents: Sequence[str]) -> tuple[Link, list[str]]:
        """The board of the first of some agents, and all of them that are its."""
        board = self.home(agents[0])
        return board, [agent for agent in agents if self.home(agent) is board]

    def errand(self, agent: str, turn: str, conversation: str) -> Errand | None:
        """The way of one turn to whom it needs; None where the board at home is everybody."""
        return Errand(self, agent, turn, conversation) if self.several else None

    def of(self, shard: int) -> Link:
        """The board of a shard."""
        return self._links[shard]

    def whom(self, operation: str, arguments: dict[str, Any]) -> list[int]:
        """The shards that an operation on the blackboard is for."""
        return list(self._owners.of_operation(operation, arguments))

    async def look(self, operation: str, arguments: dict[str, Any], max_age_s: float) -> Any:
        """See `Replica.look`."""
        answers = [
            await self._copies[shard].look(operation, arguments, max_age_s)
            for shard in self._owners.of_operation(operation, arguments)
        ]
        return answers[0] if len(answers) == 1 else joined(operation, arguments, answers)

    def change(self, link: Link, entries: list[list[Any]]) -> None:
        """See `Replica.change`."""
        self._copies[shard_of(link.peer)].change(entries)

    async def checked(self, turn: Turn) -> Turn:
        """A turn that lays trails on other shards, or a failed one when such a trail is not defined.

        It is its own shard that commits it, which cannot know; and no trail that is defined ceases to be.
        """
        home = self._owners.of_agent(turn.agent)
        for trail in {write.arguments["trail"] for write in turn.writes if write.part == "trails"} - self._trails:
            shard = self._owners.of_name("trails", trail)
            if shard != home:
                try:
                    await self._links[shard].ask("look", ["trails.defined", {"trail": trail}])
                except UsageError as error:
                    return Turn(turn.message, turn.agent, "", 0, "failed", error=pack(error), seconds=turn.seconds)
                self._trails.add(trail)
        return turn

    def let_go(self) -> None:
        """See `Replica.let_go`."""
        for copies in self._copies.values():
            copies.let_go()


class Errand:
    """What one turn asks of several shards, in the place of one board."""

    def __init__(self, boards: Boards, agent: str, turn: str, conversation: str) -> None:
        self._boards = boards
        self._home = boards.home(agent)
        self._turn = [conversation, turn]
        self.acted: dict[int, None] = {}
        """The shards on which it has changed something at once."""

    def ask(self, name: str, payload: Any = None) -> asyncio.Future[Any]:
        """See `access.Board.ask`."""
        if name == "act":
            return self._act(payload)
        return (self._boards.of(LEAD) if name in _SWARMS else self._home).ask(name, payload)

    def _act(self, payload: list[Any]) -> asyncio.Future[Any]:
        shards = self._boards.whom(payload[0], payload[1])
        self.acted.update(dict.fromkeys(shards))
        if len(shards) > 1:
            return asyncio.ensure_future(self._all(shards, payload))
        board = self._boards.of(shards[0])
        answer = board.ask("act", payload)
        if board is not self._home:
            answer.add_done_callback(lambda done: self._tell_news(payload[0], done))
        return answer

    async def _all(self, shards: list[int], payload: list[Any]) -> Any:
        answers = await asyncio.gather(*(self._boards.of(shard).ask("act", payload) for shard in shards))
        return answers[0]

    def _tell_news(self, operation: str, answer: asyncio.Future[Any]) -> None:
        """The shard of the turn hears of progress elsewhere before it hears of what the turn sends."""
        if not answer.cancelled() and answer.exception() is None and is_news(operation, answer.result()):
            self._home.tell("progress", self._turn)
