"""Safeguards, each taken away: the oracle must notice, or it proves nothing.

Each mutation patches the code under simulation, for the time of one test. The code of what it must be caught as
stands beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from stigmergy.actors.board import claims
from stigmergy.actors.board.board import Board
from stigmergy.actors.board.clerk import Clerk
from stigmergy.actors.board.dispatch import Dispatcher
from stigmergy.actors.board.done import Done
from stigmergy.actors.board.exchange import Exchange
from stigmergy.actors.board.gate import Gate
from stigmergy.actors.board.mail import Mail
from stigmergy.actors.board.mailbag import Mailbag
from stigmergy.actors.board.outsiders import Outsiders
from stigmergy.actors.board.turns import Turns
from stigmergy.actors.transport.channel import Channel
from stigmergy.actors.transport.link import Endpoint
from tests.spoiling import take_parcels_again

from .disk import DiskJournal
from .reading import REPLY_TO

Patch = Callable[[pytest.MonkeyPatch], None]


class Mutation(NamedTuple):
    """A safeguard that is gone."""

    take_away: Patch
    caught_as: tuple[str, ...]
    """What at least one seed must violate."""
    shards: int = 0
    """How many boards it takes; 0 lets the seed decide."""
    first: int = 0
    """The seed at which to begin to look: one that noticed it when this was written, which only saves time."""


def repeats_are_news(patch: pytest.MonkeyPatch) -> None:
    """Batches that were taken in are taken in again, and messages that are known are accepted again."""
    accept = Channel.accept

    def again(self: Channel, number: int, confirmed: int, frames: list[Any]) -> list[Any]:
        repeated = 0 < number < self._expected
        ready = accept(self, number, confirmed, frames)
        return list(frames) if repeated else ready

    patch.setattr(Channel, "accept", again)
    patch.setattr(Mail, "is_known", lambda _self, _message: False)
    patch.setattr(Outsiders, "is_repeat", lambda _self, _envelope: False)


def zombies_commit(patch: pytest.MonkeyPatch) -> None:
    """A host that was given up goes on as if it were not."""
    commit, disconnect = Turns.commit, Endpoint.disconnect

    def unfenced(self: Turns, turn: Any, peer: str, ticket: int) -> Any:
        letter = self._m.mail.letters.get(turn.message)
        return commit(self, turn._replace(host=letter.host) if letter else turn, peer, ticket)

    def keep(self: Endpoint, peer: str, reason: str = "closed") -> None:
        if self.name != "board":
            disconnect(self, peer, reason)

    patch.setattr(Turns, "commit", unfenced)
    patch.setattr(Endpoint, "disconnect", keep)
    patch.setattr(Board, "_check_lives", lambda _self, _peer: None)


def answers_come_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    """The journal says that a batch is durable a moment before it is."""
    write = DiskJournal._write

    def later(self: DiskJournal, data: bytes, seq: int) -> None:
        self._owner.call_later(0.02, lambda: write(self, data, seq))

    patch.setattr(DiskJournal, "_write", later)


def without(kind: str) -> Patch:
    """Entries of a kind are not written."""

    def take_away(patch: pytest.MonkeyPatch) -> None:
        record = Board._record

        def forget(self: Board, entry: str, data: dict[str, Any]) -> None:
            if entry != kind:
                record(self, entry, data)

        patch.setattr(Board, "_record", forget)

    return take_away


def attempts_are_not_counted(patch: pytest.MonkeyPatch) -> None:
    """A letter that is handed to a host has not been tried."""
    hand_over = Mail._hand_over

    def uncounted(self: Mail, message: str, agent: str, host: str) -> None:
        hand_over(self, message, agent, host)
        self.letters[message].attempts -= 1

    patch.setattr(Mail, "_hand_over", uncounted)


def steps_are_not_kept(patch: pytest.MonkeyPatch) -> None:
    """A turn is told that its step was recorded, and it was not."""
    patch.setattr(Mail, "step", lambda _self, _turn, _step, _weight: None)


def agents_are_in_two_places(patch: pytest.MonkeyPatch) -> None:
    """An agent moves to a host that came up while its old one still runs it."""
    patch.setattr(Dispatcher, "_home", lambda self, agent: self._place(agent))


def pools_do_not_hear_of_their_agents(patch: pytest.MonkeyPatch) -> None:
    """A pool is not looked at again when one of its agents has finished something."""
    finished = Dispatcher.finished

    def unheard(self: Dispatcher, message: str, host: str, agent: str) -> None:
        finished(self, message, host, agent)
        self._stirred.pop(agent.partition("/")[0], None)

    patch.setattr(Dispatcher, "finished", unheard)


def parcels_are_taken_again(patch: pytest.MonkeyPatch) -> None:
    """What another shard tells again over a new link is done again."""
    take_parcels_again(patch.setattr)


def words_wait_for_no_write(patch: pytest.MonkeyPatch) -> None:
    """A shard answers before what was written on another shard is there."""
    patch.setattr(Gate, "let_out", lambda _self, frames, events: (frames, events))
    patch.setattr(Exchange, "has", lambda _self, _written: True)


def answers_are_told_once(patch: pytest.MonkeyPatch) -> None:
    """An answer that came while its turn began anew is not told again when the turn asks."""
    patch.setattr(Clerk, "answer_again", lambda _self, _ask, _number, _key: False)


def answers_are_not_kept(patch: pytest.MonkeyPatch) -> None:
    """An answer goes to the host of its turn, and not to the steps of the turn."""
    patch.setattr(Mailbag, "_reply", lambda self, data: self.asks.pop(data["e"][REPLY_TO], None))


def takes_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A take that is repeated gets another item."""

    class Forgetful(Done):
        def add(self, op: str, result: Any) -> None:
            pass

    patch.setattr(claims, "Done", Forgetful)


MUTATIONS: dict[str, Mutation] = {
    "repeats are news": Mutation(repeats_are_news, ("C2",), first=2),
    "zombies commit": Mutation(zombies_commit, ("C6",), first=105),
    "answers come before the commit": Mutation(answers_come_before_the_commit, ("C1",), first=7),
    "reservations are not journaled": Mutation(without("ledger.reserve"), ("C5",), first=1),
    "attempts are not counted": Mutation(attempts_are_not_counted, ("C6", "C7"), first=12),
    "steps are not kept": Mutation(steps_are_not_kept, ("C8",), first=43),
    "turns are not journaled": Mutation(without("mail.done"), ("C1", "C2", "C7")),
    "answers are told once": Mutation(answers_are_told_once, ("C9",), first=70),
    "answers are not kept": Mutation(answers_are_not_kept, ("C9",), first=25),
    "agents are in two places": Mutation(agents_are_in_two_places, ("C1", "C3", "C6"), first=42),
    "pools do not hear of their agents": Mutation(pools_do_not_hear_of_their_agents, ("C7",)),
    "parcels are taken again": Mutation(parcels_are_taken_again, ("C2",), 2, first=46),
    "parcels are not journaled": Mutation(without("shard.out"), ("C1",), 2),
    "words wait for no write": Mutation(words_wait_for_no_write, ("C1",), 3, first=128),
    "takes are forgotten": Mutation(takes_are_forgotten, ("C6",), first=12),
}
