"""What the watchdog remembers of one conversation, in a bounded room.

The rule of this file: following a message takes the same few look-ups whatever the conversation
holds, and what is forgotten can hide a loop for a while but can never make one out of healthy work.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any
from zlib import crc32

from .chains import Link
from .contents import Contents
from .limits import LoopLimits
from .pairs import Pair
from .recent import Recent
from .sightings import Reason, Sighting
from .tree import CROWD, Tree


class Conversation:
    """Links, contents and pairs of one conversation, and when somebody in it last learned something."""

    epoch = 0
    """How often there was progress that no single turn can be thanked for."""
    unheard = 0
    """Echoes since somebody learned something."""
    _frontier = 0
    """The most hops at which there was news, or at which we met the conversation."""
    _roots: Recent[str, Tree] | None = None
    """Trees by the tick, or the forgotten message, that began them; and those that reach to other hosts."""

    def __init__(self, id: str, at: float, limits: LoopLimits) -> None:
        self.id = id
        self.links: Recent[str, Link] = Recent()
        self.progress_at = at
        self.learned_at = at
        """When a message last told its recipient something new."""
        self.warned: tuple[Reason, ...] = ()
        self._limits = limits
        self._contents = Contents()
        self._pairs: Recent[tuple[str, str], Pair] = Recent()

    def __len__(self) -> int:
        return len(self.links) + len(self._contents) + len(self._pairs) + len(self._roots or ())

    def pair(self, sent: Sighting, room: int) -> Pair:
        """The pair of a sender and a recipient, which has counted this message."""
        key = (sent.sender, sent.recipient)
        pair = self._pairs.get(key)
        if pair is None:
            pair = Pair(crc32(f"{sent.sender}>{sent.recipient}".encode()), sent.at)
            self._pairs.put(key, pair, room)
        elif sent.at - pair.since >= self._limits.pair_window_s:
            pair.turn_over(sent.at, self._limits.pair_window_s, self._limits.pair_messages)
        pair.messages += 1
        return pair

    def follow(self, sent: Sighting, body: bytes, pair: Pair, room: int) -> Link | None:
        """Remember a message, and tell what it was: news, stale, part of a round. None if it was seen before."""
        before = self.links.get(sent.cause) if sent.cause else None
        link = self._begin(sent, pair, room) if before is None else self._extend(sent, pair, before)
        if not self.links.add(sent.id, link, room):
            return None
        self._contents.note(link, before, room)
        tree = link.tree
        width = tree.widths[sent.hops] = tree.widths.get(sent.hops, 0) + 1
        if width >= CROWD and not width & (width - 1):
            tree.grown(sent.hops, self._limits)
        if (link.rounds or tree.wide or (before is not None and before.rounds)) and self._limits.weighs:
            self._weigh(link, before, body, room)
        if not (link.stale or link.variant):
            self._learned(link, before)
        elif before is not None and (before.stale or before.variant):
            self._echo(link)
        if link.stale:
            link.stale_hops += 1
        elif link.stale_hops and before is not None:
            link.stale_hops -= 1
        return link

    def takes_in(self, last: Sighting, digests: Sequence[Hashable], room: int) -> bool:
        """Remember messages of one turn to one recipient together, if there is nothing to say about any of them.

        It is what `follow` would do one by one, but that one link stands for all: none of them is the cause of another.
        """
        before = self.links.get(last.cause) if last.cause else None
        pair = self.pair(last, room)
        pair.messages -= 1
        link = self._begin(last, pair, room) if before is None else self._extend(last, pair, before)
        tree, many = link.tree, len(digests)
        plain = (
            not (link.rounds or tree.wide or (before is not None and before.rounds))
            and not tree.grows_within(last.hops, many, self._limits)
            and pair.messages + many <= self._limits.pair_messages
            and last.id not in self.links
            and self._contents.take_in(link, digests, room)
        )
        if plain:
            self.links.put(last.id, link, room)
            pair.messages += many
            tree.widths[last.hops] = tree.widths.get(last.hops, 0) + many
            self._learned(link, before)
        return plain

    def _learned(self, link: Link, before: Link | None) -> None:
        """A message told its recipient something new."""
        self.unheard = 0
        self.learned_at = link.sent.at
        if link.sent.hops > self._frontier and before is not None:
            self._frontier = link.sent.hops

    def _begin(self, sent: Sighting, pair: Pair, room: int) -> Link:
        link = Link(sent, self._root(sent.cause, room), pair.index, None)
        if sent.cause and not len(self.links):
            self._frontier = sent.hops  # met in the middle, as all are after a restart
        elif sent.hops:
            link.stale_hops = self._unexplained(sent)
        if self.epoch:
            link.since = link.epoch = self.epoch
        return link

    def _extend(self, sent: Sighting, pair: Pair, before: Link) -> Link:
        if before.epoch != self.epoch:
            before.renew()
            before.epoch = self.epoch
        link = Link(sent, before.tree, pair.index, before)
        if before.renewals:
            link.since = before.renewals
        if self.epoch:
            link.epoch = self.epoch
        return link

    def carried(self, message: str, room: int) -> list[Any] | None:
        """What another host needs to follow a chain on from a message that goes there; None if it is forgotten."""
        link = self.links.get(message)
        if link is None:
            return None
        tree = link.tree
        if not tree.key:
            tree.key = message
            self._named().put(message, tree, room)
        return [tree.key, *link.carried()]

    def arrived(self, sent: Sighting, carried: list[Any] | None, room: int) -> None:
        """A message has come from another host, where it was judged."""
        tree = self._root(carried[0] if carried else sent.id, room)
        if carried:
            tree.key = carried[0]
            link = Link.arrived(sent, tree, carried[1:])
        else:
            link = Link(sent, tree, 0, None)
        link.epoch = link.since = self.epoch
        if self.links.add(sent.id, link, room):
            self._contents.put((sent.recipient, sent.digest), link, room)
            self._frontier = max(self._frontier, sent.hops)

    def speakers(self) -> tuple[str, ...]:
        """The last eight agents that are remembered to have sent something."""
        return tuple(dict.fromkeys(link.sent.sender for link in self.links))[-8:]

    def progress(self, cause: str, at: float) -> None:
        """Somebody got somewhere: the turn for message ``cause`` did, or nobody knows which."""
        self.progress_at = self.learned_at = at
        self.unheard = 0
        link = self.links.get(cause) if cause else None
        if link is None:
            self.epoch += 1
        else:
            link.renew()

    def _root(self, cause: str, room: int) -> Tree:
        if not cause:
            return Tree()
        tree = self._named().get(cause)
        if tree is None:
            tree = Tree()
            self._named().put(cause, tree, room)
        return tree

    def _named(self) -> Recent[str, Tree]:
        if self._roots is None:
            self._roots = Recent()
        return self._roots

    def _unexplained(self, sent: Sighting) -> int:
        """Hops that no remembered chain accounts for."""
        return max(0, sent.hops - self._frontier) if sent.cause else sent.hops

    def _weigh(self, link: Link, before: Link | None, body: bytes, room: int) -> None:
        """Compare a content by its words, which costs about 20 microseconds and is not for every message."""
        tree, enough = link.tree, self._limits.words_a_hop
        new: float = 0 if link.stale else tree.new_words(body) if body else enough
        if before is not None and before.rounds:
            # A turn that tells a third party something new has earned its answer of "done".
            before.pay(new, enough)
        if link.rounds:
            link.barren += 1
            link.pay(new, enough)
            link.variant = link.barren >= 1 and not link.stale
        if tree.wide and not tree.reaches(link.sent.recipient, room):
            link.variant = new < enough and not link.stale

    def _echo(self, link: Link) -> None:
        link.echo = True
        self.unheard += 1
        link.tree.echo(link.sent.hops, variant=link.variant)
