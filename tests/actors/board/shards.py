"""Several boards in one process, driven by frames, each with a disk that survives it."""

from __future__ import annotations

from itertools import count
from typing import Any

from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.board.estate import Estate
from stigmergy.actors.board.outbox import Out
from stigmergy.actors.board.owners import Owners, Place
from stigmergy.actors.journal.memory import MemoryDisk, MemoryJournal
from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.turn import Delivery, Turn

DRIVER, HOST, OTHER = "client/main", "h.1", "i.1"


class Shards:
    """A swarm over some shards, with two hosts that have joined all of them; its clock stands unless it is moved."""

    def __init__(self, shards: int, *kinds: Any, **ceilings: int) -> None:
        self.now = 1_790_000_000.0
        self.owners = Owners(shards)
        self.disks = [MemoryDisk() for _ in range(shards)]
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.told: list[Out] = []
        """What hosts and drivers have heard."""
        self._tickets = 0
        self.estate = Estate([self._board(shard) for shard in range(shards)], self.now)
        self.ask(0, "ledger", ["open", "swarm", ceilings])
        for shard in range(shards):
            for kind in kinds:
                self.ask(shard, "kind", kind.to_plain())
            for host in ("h", "i"):
                self.ask(shard, "join", [host, [], 1])

    def _board(self, shard: int) -> Board:
        self.disks[shard].crash()
        return Board(MemoryJournal(self.disks[shard]), BoardConfig("run", {}, Place(shard, len(self.disks))), self.now)

    def reopen(self, shard: int) -> None:
        """A board dies, is opened again, and meets the others; the hosts are ended everywhere, and new ones come."""
        self.estate.replace(shard, self._board(shard), self.now)
        lives = {life for board in self.estate.boards for life in board.machines.incarnations.values()}
        epochs = [max(board.machines.registry.epochs.values()) for board in self.estate.boards]
        for other in range(len(self.disks)):
            self.ask(other, "retire", [sorted(lives), "by a test"])
            for host in ("h", "i"):
                self.ask(other, "join", [host, [], max(epochs) + 1])

    def say(self, shard: int, peer: str, name: str, payload: Any) -> int:
        """Hand a frame to a shard; nothing is committed yet."""
        self._tickets += 1
        self.estate.handle(shard, peer, self._tickets, name, unpack(pack(payload)), self.now)
        return self._tickets

    def settle(self) -> list[Out]:
        """Commit everywhere until nothing moves; what hosts and drivers heard of it."""
        told, events = self.estate.settle(self.now)
        self.told += told
        self.events += events
        return told

    def ask(self, shard: int, name: str, payload: Any, peer: str = DRIVER) -> Any:
        """A request and its answer; an error is its class's name, and what waits is None."""
        ticket = self.say(shard, peer, name, payload)
        answers = [out for out in self.settle() if out.ticket == ticket]
        return None if not answers else answers[0].payload[0] if answers[0].failed else answers[0].payload

    def tick(self, seconds: float) -> list[Out]:
        """Let time pass."""
        self.now += seconds
        for board in self.estate.boards:
            board.tick(self.now)
        return self.settle()

    # -- names and letters

    def agent(self, shard: int, kind: str = "a", number: int = 0) -> str:
        """An agent whose mail is there."""
        found = (f"{kind}/{n}" for n in count() if self.owners.of_agent(f"{kind}/{n}") == shard)
        return next(name for position, name in enumerate(found) if position == number)

    def name(self, shard: int, part: str) -> str:
        """The name of something of the blackboard that is there."""
        return next(f"n{n}" for n in count() if self.owners.of_name(part, f"n{n}") == shard)

    def send(self, name: str, to: str, mode: Any = "tell", **more: Any) -> Any:
        """A message from outside."""
        return self.ask(self.owners.of_agent(to), "send", [list(letter(name, to, mode, **more)), None, []])

    def done(self, message: str, agent: str, host: str = "", **more: Any) -> Any:
        """Commit a turn."""
        turn = Turn(message, agent, host or self.holder(message), 0, "done", **more)
        return self.ask(self.owners.of_agent(agent), "commit", list(turn), turn.host)

    def asked(self, message: str, asker: str, to: str, name: str = "ask") -> Any:
        """An ask of a turn that runs."""
        envelope = letter(name, to, "ask", sender=asker, cause=message)
        return self.ask(self.owners.of_agent(asker), "send", [list(envelope), [0, "ask"], []], self.holder(message))

    def delivered(self, message: str) -> list[tuple[str, Delivery]]:
        """To which hosts a message was handed, and as what."""
        handed = [out for out in self.told if out.name == "deliver" and out.payload[1].id == message]
        return [(out.peer, Delivery.from_wire(unpack(pack(out.payload)))) for out in handed]

    def holder(self, message: str) -> str:
        """The host that was handed a message last."""
        return self.delivered(message)[-1][0]

    def replies(self, ask: str) -> list[Envelope]:
        """Answers to an ask that its asker was told."""
        return [
            Envelope.from_wire(unpack(pack(out.payload[2])))
            for out in self.told
            if out.name == "reply" and out.payload[1] == ask
        ]

    def kinds(self, shard: int) -> list[str]:
        """The entries in a journal, by kind."""
        return [row[3] for row in self.disks[shard].rows]

    def spent(self) -> int:
        """Messages that the ledger has settled, once all shards have told."""
        for shard in range(1, len(self.disks)):
            self.ask(shard, "settle", None)
        return int(self.ask(0, "ledger", ["position", "swarm"])["settled"].get("messages", 0))


def letter(name: str, to: str, mode: Any = "tell", sender: str = DRIVER, **more: Any) -> Envelope:
    body, conversation = pack({"text": name}), more.pop("conversation", "talk")
    return Envelope(name, mode, "Question@1", sender, to, body, conversation, **more)


def reply(ask: str, sender: str, to: str, **more: Any) -> Envelope:
    return letter(f"re:{ask}", to, "reply", sender, reply_to=ask, cause=ask, **more)
