"""Who had what already: is a message news to its recipient, and how often was it said in vain?

The rule of this file: saying the same again counts only when nothing new called for it. Two hundred
agents may tell one agent the same rumour, a hundred results may each get the same thanks, and every
tick may ask the same question. What counts is one turn that repeats itself, and a sender that repeats
itself at the end of a chain that has long told nobody anything.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Final

from .chains import Link
from .recent import Recent

_LONG: Final = 4
"""Hops without news: less is a question, an answer, and the passing on of it."""


class Contents(Recent[tuple[str, Hashable], Link]):
    """The contents that the recipients of one conversation have had, and the link that last brought each."""

    __slots__ = ()

    def take_in(self, link: Link, digests: Sequence[Hashable], room: int) -> bool:
        """Remember contents that one turn tells one recipient, if none was ever told to it; else nothing changes."""
        recipient = link.sent.recipient
        keys = {(recipient, digest): link for digest in digests}
        if len(keys) < len(digests) or not self.lacks(keys.keys()):
            return False
        self.put_all(keys, room)
        return True

    def note(self, link: Link, before: Link | None, room: int) -> None:
        """Set ``link.said``, and remember the link for the next of its kind."""
        sent = link.sent
        key = (sent.recipient, sent.digest)
        last = self.get(key)
        if last is not None and last.tree is link.tree:
            same_turn = last.sent.cause == sent.cause and last.since == link.since
            called_for = not same_turn and (before is None or before.stale_hops < _LONG)
            again = last.sent.sender == sent.sender and not called_for
            link.said = max(1, last.said) + 1 if again else 1
            link.stale = True
        self.put(key, link, room)
