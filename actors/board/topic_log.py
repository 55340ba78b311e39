"""The log of one topic: offsets, ids and the newest posts.

The rule it keeps: offsets count 1, 2, 3, ... without a gap; what is over the bounds leaves memory, oldest first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

COPIED: Final = (1_000, 1024 * 1024)
"""What a copy of a topic begins with: the newest posts, so many or so many bytes of them; older ones are asked for."""


class Post(NamedTuple):
    """One entry of a topic."""

    offset: int
    id: str
    writer: str
    at: float
    body: bytes


class TopicLog:
    """What one topic remembers."""

    def __init__(self) -> None:
        self.last = 0
        self.ids: dict[str, int] = {}
        self.posts: dict[int, Post] = {}
        self.bytes = 0
        self.groups: dict[str, dict[str, None]] = {}
        """The subscribers of each group; derived from the readers."""

    @property
    def first(self) -> int:
        """The oldest offset in memory."""
        return self.last - len(self.posts) + 1

    def append(self, added: Iterable[Sequence[Any]], writer: str, at: float, retain: tuple[int, int]) -> None:
        """Add posts, as (id, body); ``retain`` bounds their number and their bytes in memory."""
        posts, last = self.posts, self.last
        for post_id, body in added:
            last += 1
            self.ids[post_id] = last
            posts[last] = Post(last, post_id, writer, at, body)
            self.bytes += len(body)
        self.last, first = last, last - len(posts) + 1
        while len(posts) > retain[0] or (self.bytes > retain[1] and len(posts) > 1):
            self.bytes -= len(posts.pop(first).body)
            first += 1

    def newest(self) -> list[list[Any]]:
        """The newest posts, oldest first, that a copy begins with."""
        most, room = COPIED
        taken: list[list[Any]] = []
        for offset in range(self.last, max(self.first, self.last - most + 1) - 1, -1):
            room -= len(self.posts[offset].body)
            if room < 0:
                break
            taken.append([*self.posts[offset]])
        return taken[::-1]

    @classmethod
    def copied(cls, last: int, posts: Iterable[Sequence[Any]]) -> TopicLog:
        """The inverse of `newest`, for a topic that has come to an offset."""
        log = cls()
        log.last = last
        log.posts = {post.offset: post for post in (Post(*fields) for fields in posts)}
        log.ids = {post.id: post.offset for post in log.posts.values()}
        log.bytes = sum(len(post.body) for post in log.posts.values())
        return log
