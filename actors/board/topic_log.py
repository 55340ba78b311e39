"""The log of one topic: offsets, ids and the newest posts.

The rule it keeps: offsets count 1, 2, 3, ... without a gap; what is over the bounds leaves memory, oldest first. Posts
that came together stay together as they came, and are made into single ones when somebody reads them.

With a post goes its id, as a turn is carried out once; but not that of a post from outside, as a driver that runs again
posts again what it posted.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple, Protocol

from stigmergy.protocols.codec import pack
from stigmergy.protocols.series import Series

COPIED: Final = (1_000, 1024 * 1024)
"""What a copy of a topic begins with: the newest posts, so many or so many bytes of them; older ones are asked for."""

OUTSIDE: Final = "client/"
"""How the names of drivers begin."""


class Post(NamedTuple):
    """One entry of a topic."""

    offset: int
    id: str
    writer: str
    at: float
    body: bytes


class _Run(Protocol):
    """Posts with offsets on end."""

    first: int
    last: int
    bytes: int

    def post(self, offset: int) -> Post: ...

    def size(self, offset: int) -> int: ...

    def leave(self, log: TopicLog) -> None: ...


class _Alone:
    """A run of one."""

    __slots__ = ("_post", "bytes", "first", "last")

    def __init__(self, post: Post) -> None:
        self.first = self.last = post.offset
        self.bytes = len(post.body)
        self._post = post

    def post(self, _offset: int) -> Post:
        return self._post

    def size(self, _offset: int) -> int:
        return self.bytes

    def leave(self, log: TopicLog) -> None:
        if not self._post.writer.startswith(OUTSIDE):
            log.ids.pop(self._post.id, None)


class _Together:
    """The posts of a series."""

    __slots__ = ("_at", "_series", "bytes", "first", "last")

    def __init__(self, first: int, series: Series, at: float) -> None:
        self.first, self.last = first, first + len(series.posts) - 1
        self.bytes = sum([len(body) for _, _, body in series.posts])
        self._series = series
        self._at = at

    def post(self, offset: int) -> Post:
        series, post = self._series, self._series.posts[offset - self.first]
        return Post(offset, series.id(post[0]), series.sender, self._at, pack(series.envelope(post)))

    def size(self, offset: int) -> int:
        return len(self._series.posts[offset - self.first][2])

    def leave(self, log: TopicLog) -> None:
        _, newest = log.turns.get(self._series.cause, (0, self.last + 1))
        if newest <= self.last:
            del log.turns[self._series.cause]


class TopicLog:
    """What one topic remembers."""

    def __init__(self) -> None:
        self.last = 0
        self.first = 1
        """The oldest offset in memory."""
        self.ids: dict[str, int] = {}
        """Offsets by id, of posts that came by themselves."""
        self.turns: dict[str, tuple[int, int]] = {}
        """By turn that posted here: the number of its newest post, and its offset."""
        self.bytes = 0
        """Of the bodies in memory."""
        self.groups: dict[str, dict[str, None]] = {}
        """The subscribers of each group; derived from the readers."""
        self._runs: deque[_Run] = deque()

    def append(self, added: Iterable[Sequence[Any]], writer: str, at: float, retain: tuple[int, int]) -> None:
        """Add posts, as (id, body); ``retain`` bounds their number and their bytes in memory."""
        for post_id, body in added:
            self.ids[post_id] = self.last + 1
            self._add(_Alone(Post(self.last + 1, post_id, writer, at, body)))
        self._forget(retain)

    def extend(self, series: Series, at: float, retain: tuple[int, int]) -> None:
        """Add the posts of a series, of which there is at least one."""
        self._add(_Together(self.last + 1, series, at))
        self.turns[series.cause] = series.posts[-1][0], self.last
        self._forget(retain)

    def news(self, series: Series) -> Series:
        """What of a series is not here: a turn numbers its posts in their order."""
        known, _ = self.turns.get(series.cause, (0, 0))
        return series._replace(posts=[post for post in series.posts if post[0] > known]) if known else series

    def read(self, after: int, until: int) -> list[Post]:
        """The posts with ``after < offset <= until``, which are in memory."""
        found: list[Post] = []
        for run in reversed(self._runs):
            if run.last <= after:
                break
            if run.first <= until:
                found += map(run.post, range(min(run.last, until), max(run.first, after + 1) - 1, -1))
        return found[::-1]

    def newest(self) -> list[list[Any]]:
        """The newest posts, oldest first, that a copy begins with."""
        most, room = COPIED
        taken: list[list[Any]] = []
        for post in self._backward():
            room -= len(post.body)
            if room < 0 or len(taken) == most:
                break
            taken.append([*post])
        return taken[::-1]

    @classmethod
    def copied(cls, last: int, posts: Iterable[Sequence[Any]]) -> TopicLog:
        """The inverse of `newest`, for a topic that has come to an offset."""
        log = cls()
        kept = [Post(*fields) for fields in posts]
        log.last = last - len(kept)
        log.first = log.last + 1
        for post in kept:
            log.ids[post.id] = post.offset
            log._add(_Alone(post))
        return log

    def forget(self, before: int) -> None:
        """Drop the ids of posts below an offset."""
        self.ids = {post_id: offset for post_id, offset in self.ids.items() if offset >= before}
        self.turns = {turn: newest for turn, newest in self.turns.items() if newest[1] >= before}

    @property
    def oldest_id(self) -> int | None:
        """The offset of the oldest post whose id, or whose turn, is known; None when none is."""
        oldest = [next(iter(self.ids.values()), None), next(iter(self.turns.values()), (0, None))[1]]
        return min((offset for offset in oldest if offset is not None), default=None)

    def _backward(self) -> Iterator[Post]:
        for run in reversed(self._runs):
            yield from map(run.post, range(run.last, max(run.first, self.first) - 1, -1))

    def _add(self, run: _Run) -> None:
        self._runs.append(run)
        self.last = run.last
        self.bytes += run.bytes

    def _forget(self, retain: tuple[int, int]) -> None:
        most, most_bytes = retain
        while (over := self.last - self.first + 1 - most) > 0 or (self.bytes > most_bytes and self.first < self.last):
            run = self._runs[0]
            if self.first == run.first and over > run.last - run.first:
                self.bytes -= run.bytes
                self.first = run.last + 1
            else:
                self.bytes -= run.size(self.first)
                self.first += 1
            if self.first > run.last:
                self._runs.popleft().leave(self)
