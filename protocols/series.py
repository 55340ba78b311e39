"""A series: what one turn posts to one topic, with what its posts have in common said once.

A named tuple with the names of an `Envelope` where it means the same. The ids of its posts are not in it: they follow
from the turn and their numbers there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from .envelope import Envelope
from .errors import Malformed
from .ids import sent_id

MODE: Final = "post"


class Series(NamedTuple):
    """Some posts of one turn, in order."""

    to: str
    """The topic."""
    sender: str
    conversation: str
    cause: str
    """Id of the message whose turn posts them."""
    trace: str
    hops: int
    taint: tuple[str, ...]
    posts: list[list[Any]]
    """Number among what the turn sends, type, and body of each: ``[int, str, bytes]``."""

    @property
    def mode(self) -> str:
        """As an envelope's."""
        return MODE

    def id(self, number: int) -> str:
        """The id of the post with that number."""
        return sent_id(self.cause, number)

    def envelope(self, post: list[Any]) -> Envelope:
        """One of the posts by itself."""
        number, message_type, body = post
        return Envelope(
            id=self.id(number),
            mode="post",
            type=message_type,
            sender=self.sender,
            to=self.to,
            body=body,
            conversation=self.conversation,
            cause=self.cause,
            trace=self.trace,
            hops=self.hops,
            taint=self.taint,
        )

    def envelopes(self) -> Iterator[Envelope]:
        """All of them, each by itself."""
        return map(self.envelope, self.posts)

    def to_wire(self) -> list[Any]:
        """As plain data that a journal keeps: lists instead of tuples."""
        return [*self[:6], list(self.taint), self.posts]

    @classmethod
    def from_wire(cls, fields: list[Any]) -> Series:
        """Rebuild from an unpacked array, checking every field. Raises: Malformed."""
        if tuple(map(type, fields[:6])) != _SHAPE or len(fields) != len(cls._fields):
            raise Malformed(f"a series has {len(cls._fields)} fields: five texts, a number, and two lists")
        taint, posts = fields[6:]
        if type(taint) is not list or not all(type(mark) is str for mark in taint):
            raise Malformed("the marks of a series are texts")
        if type(posts) is not list or {tuple(map(type, post)) for post in posts} != _POST:
            raise Malformed("a series has posts, each a number, a type and a body")
        return cls.kept(fields)

    @classmethod
    def kept(cls, fields: list[Any]) -> Series:
        """Rebuild from what a journal has kept; it was checked before that."""
        to, sender, conversation, cause, trace, hops, taint, posts = fields
        return cls(to, sender, conversation, cause, trace, hops, tuple(taint), posts)


_SHAPE: Final = (str, str, str, str, str, int)
_POST: Final = {(int, str, bytes)}
