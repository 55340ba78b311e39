"""Topics: ordered logs with subscribers.

Owns the topics of one shard: who reads what, how far each reader is, and the newest posts. The
rule it keeps: the offsets of a topic count 1, 2, 3, ... without a gap, and the same post id always
has the same offset. Posts older than the newest 10,000 leave memory, with their ids unless a driver posted them;
the journal has them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from stigmergy.protocols.errors import InvalidName, JournalError, UsageError
from stigmergy.protocols.ids import check_name
from stigmergy.protocols.series import Series

from .topic_log import Post, TopicLog

RETAINED_POSTS: Final = 10_000
RETAINED_BYTES: Final = 16 * 1024 * 1024
"""The other bound on what a topic keeps in memory: 10,000 posts of 1.6 KiB."""


class Posted(NamedTuple):
    """Where a post stands."""

    offset: int
    news: bool
    """False when the topic had this id before; then nothing was added, and nobody is to be told again."""


class _Reader:
    """One subscriber: where it lives, what it asked for, and how far it is in each topic."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.patterns: dict[str, None] = {}
        self.cursors: dict[str, int] = {}


class Topics:
    """The topics of one shard. A subscription ending in ``*`` covers every topic that begins so."""

    def __init__(
        self,
        record: Callable[[str, dict[str, Any]], None],
        *,
        retain: int = RETAINED_POSTS,
        retain_bytes: int = RETAINED_BYTES,
    ) -> None:
        self._record = record
        self._retain = (max(retain, 1), retain_bytes)
        self._logs: dict[str, TopicLog] = {}
        self._readers: dict[str, _Reader] = {}
        self._wildcards: dict[str, dict[str, None]] = {}
        """Who asked for each pattern that ends in ``*``, in order of asking."""

    def post(self, topic: str, post_id: str, body: bytes, writer: str, now: float) -> Posted:
        """Append to a topic; an id that it has already gets its first offset again. Raises: InvalidName."""
        self.check(topic, post_id)
        if self.has(topic, post_id):
            return Posted(self._logs[topic].ids[post_id], news=False)
        self._do("post", topic=topic, id=post_id, body=body, writer=writer, at=now)
        return Posted(self._logs[topic].last, news=True)

    def post_all(self, series: Series, now: float) -> Series:
        """Append the posts of a series in one entry. Returns those that are news here. Raises: InvalidName."""
        check_name(series.to, "topic")
        news = self._log(series.to).news(series)
        if news.posts:
            self._do("series", topic=series.to, series=news.to_wire(), at=now)
        return news

    def has(self, topic: str, post_id: str) -> bool:
        """Whether a topic has a post of that id."""
        return topic in self._logs and post_id in self._logs[topic].ids

    def check(self, topic: str, post_id: str) -> None:
        """Raise what `post` would raise, and change nothing. Raises: InvalidName."""
        check_name(topic, "topic")
        if not post_id:
            raise InvalidName(f"a post to topic {topic!r} needs an id; give 1 character or more")

    def read(self, topic: str, after: int, limit: int = 100) -> list[Post]:
        """The posts behind an offset, oldest first. Raises: UsageError when the next one has left memory."""
        log, after = self._log(topic), max(after, 0)
        if after + 1 < log.first:
            gone = f"post {after + 1} of topic {topic!r} has left memory, which begins at {log.first}"
            raise UsageError(f"{gone}; read it from the journal")
        return log.read(after, min(log.last, after + limit))

    def last_offset(self, topic: str) -> int:
        """The offset of the newest post; 0 when there is none."""
        return self._log(topic).last

    def first_offset(self, topic: str) -> int:
        """The offset where memory begins: `read` gives posts from here on."""
        return self._log(topic).first

    def subscribe(self, pattern: str, subscriber: str, group: str, *, after: int | None = None) -> None:
        """Read a topic, or every topic that begins as a pattern does, from now on or from behind an offset.

        ``group`` is where the subscriber lives: posts are sent once to each group. A topic that begins later is
        read from its start. Subscribing again changes the group at most: a cursor never goes back. Raises: InvalidName.
        """
        if pattern != "*":
            check_name(pattern.removesuffix("*"), "topic")
        if not subscriber or not group:
            raise InvalidName(f"a subscription to {pattern!r} needs a subscriber and a group")
        reader = self._readers.get(subscriber)
        if reader is None or reader.group != group or pattern not in reader.patterns:
            self._do("subscribe", pattern=pattern, subscriber=subscriber, group=group, after=after)

    def unsubscribe(self, pattern: str, subscriber: str) -> None:
        """End one subscription; what another pattern of the subscriber covers goes on, cursors kept."""
        reader = self._readers.get(subscriber)
        if reader and pattern in reader.patterns:
            self._do("unsubscribe", pattern=pattern, subscriber=subscriber)

    def move(self, groups: Mapping[str, str]) -> None:
        """Note where subscribers live now, after a host was replaced. Unknown ones are passed over."""
        known = {name: group for name, group in groups.items() if group and name in self._readers}
        moved = {name: group for name, group in known.items() if group != self._readers[name].group}
        if moved:
            self._do("move", groups=moved)

    def advance(self, topic: str, cursors: Mapping[str, int]) -> None:
        """Note how far subscribers have read, many in one entry; never backwards. Others are passed over.

        Raises: UsageError for an offset that the topic has not reached.
        """
        last = self.last_offset(topic)
        for name, at in cursors.items():
            if at > last:
                raise UsageError(f"{name!r} cannot have read post {at} of topic {topic!r}: the last is {last}")
        ahead = {n: at for n, at in cursors.items() if (old := self.cursor(topic, n)) is not None and at > old}
        if ahead:
            self._do("advance", topic=topic, cursors=ahead)

    def cursor(self, topic: str, subscriber: str) -> int | None:
        """The offset up to which a subscriber has read, or None when it does not read the topic."""
        reader = self._readers.get(subscriber)
        return reader.cursors.get(topic) if reader else None

    def lag(self, subscriber: str) -> dict[str, int]:
        """How many posts a subscriber has not read, for each of its topics."""
        reader = self._readers.get(subscriber)
        return {topic: self._logs[topic].last - at for topic, at in reader.cursors.items()} if reader else {}

    def groups(self, topic: str) -> list[str]:
        """The groups that have a subscriber: a post goes once to each."""
        return list(self._log(topic).groups)

    def members(self, topic: str, group: str) -> list[str]:
        """The subscribers of a topic that live in a group."""
        return list(self._log(topic).groups.get(group, ()))

    def forget(self, topic: str, before: int) -> None:
        """Drop what tells repeats of posts below an offset from news: 200 bytes for each post by itself and each turn.

        Raises: UsageError when a subscriber has not read so far.
        """
        log = self._log(topic)
        for name in (name for group in log.groups.values() for name in group):
            if self._readers[name].cursors[topic] < before - 1:
                raise UsageError(f"posts of topic {topic!r} below {before} are still to be read by {name!r}")
        oldest = log.oldest_id
        if oldest is not None and oldest < before:
            self._do("forget", topic=topic, before=before)

    def topics(self) -> list[str]:
        """The topics that exist: somebody has posted to them, or subscribed to exactly them."""
        return list(self._logs)

    def snapshot(self) -> dict[str, Any]:
        """The state as plain data, without the posts; ``apply("topics.restore", it)`` brings it back.

        After a restore memory begins behind the last post, and what is older is read from the journal.
        """
        logs = {
            name: [log.last, dict(log.ids), {turn: list(newest) for turn, newest in log.turns.items()}]
            for name, log in self._logs.items()
        }
        readers = {name: [r.group, list(r.patterns), dict(r.cursors)] for name, r in self._readers.items()}
        return {"logs": logs, "readers": readers}

    def copy(self, topic: str) -> dict[str, Any]:
        """The newest posts of one topic as the data of a ``topics.copy`` entry."""
        log = self._log(topic)
        return {"topic": topic, "last": log.last, "posts": log.newest()}

    def apply(self, kind: str, data: dict[str, Any]) -> None:
        """Change the state as one journal entry says. Raises: JournalError for an entry of another kind."""
        match kind:
            case "topics.series" | "topics.post" | "topics.posts":
                self._append(data)
            case "topics.subscribe":
                self._move(data["subscriber"], data["group"])
                self._follow(data["subscriber"], data["pattern"], data["after"])
            case "topics.unsubscribe":
                self._leave(data["subscriber"], data["pattern"])
            case "topics.move":
                for subscriber, group in data["groups"].items():
                    self._move(subscriber, group)
            case "topics.advance":
                for subscriber, offset in data["cursors"].items():
                    self._readers[subscriber].cursors[data["topic"]] = offset
            case "topics.forget":
                self._logs[data["topic"]].forget(data["before"])
            case "topics.copy":
                self._logs[data["topic"]] = TopicLog.copied(data["last"], data["posts"])
            case "topics.restore":
                self._restore(data)
            case _:
                raise JournalError(f"entry kind {kind!r} is not one of topics; was it written by a newer version?")

    def _do(self, verb: str, **data: Any) -> None:
        self._record(f"topics.{verb}", data)
        self.apply(f"topics.{verb}", data)

    def _append(self, data: dict[str, Any]) -> None:
        log = self._open(data["topic"])
        if "series" in data:
            log.extend(Series.kept(data["series"]), data["at"], self._retain)
        else:  # by itself; or several, as before there were series
            log.append(data.get("posts") or [(data["id"], data["body"])], data["writer"], data["at"], self._retain)

    def _log(self, topic: str) -> TopicLog:
        return self._logs.get(topic) or TopicLog()

    def _open(self, topic: str) -> TopicLog:
        log = self._logs.get(topic)
        if log is None:
            log = self._logs[topic] = TopicLog()
            for pattern in filter(lambda p: _covers(p, topic), self._wildcards):
                for subscriber in self._wildcards[pattern]:
                    self._join(subscriber, topic, 0)
        return log

    def _follow(self, subscriber: str, pattern: str, after: int | None) -> None:
        self._readers[subscriber].patterns[pattern] = None
        if pattern.endswith("*"):
            self._wildcards.setdefault(pattern, {})[subscriber] = None
            topics = [topic for topic in self._logs if topic.startswith(pattern[:-1])]
        else:
            self._open(pattern)
            topics = [pattern]
        for topic in topics:
            last = self._logs[topic].last
            self._join(subscriber, topic, last if after is None else min(max(after, 0), last))

    def _join(self, subscriber: str, topic: str, cursor: int) -> None:
        reader = self._readers[subscriber]
        reader.cursors.setdefault(topic, cursor)
        self._logs[topic].groups.setdefault(reader.group, {})[subscriber] = None

    def _leave(self, subscriber: str, pattern: str) -> None:
        reader = self._readers[subscriber]
        del reader.patterns[pattern]
        if pattern.endswith("*"):
            _remove(self._wildcards, pattern, subscriber)
        for topic in [topic for topic in reader.cursors if not any(_covers(p, topic) for p in reader.patterns)]:
            del reader.cursors[topic]
            _remove(self._logs[topic].groups, reader.group, subscriber)
        if not reader.patterns:
            del self._readers[subscriber]

    def _move(self, subscriber: str, group: str) -> None:
        reader = self._readers.setdefault(subscriber, _Reader(group))
        if reader.group != group:
            for topic in reader.cursors:
                _remove(self._logs[topic].groups, reader.group, subscriber)
                self._logs[topic].groups.setdefault(group, {})[subscriber] = None
            reader.group = group

    def _restore(self, data: dict[str, Any]) -> None:
        self._logs, self._readers, self._wildcards = {}, {}, {}
        for topic, (last, ids, turns) in data["logs"].items():
            log = self._logs[topic] = TopicLog()
            log.last, log.first, log.ids = last, last + 1, dict(ids)
            log.turns = {turn: (number, offset) for turn, (number, offset) in turns.items()}
        for subscriber, (group, patterns, cursors) in data["readers"].items():
            reader = self._readers[subscriber] = _Reader(group)
            reader.cursors = dict(cursors)
            for pattern in patterns:
                self._follow(subscriber, pattern, None)


def _covers(pattern: str, topic: str) -> bool:
    return topic.startswith(pattern[:-1]) if pattern.endswith("*") else topic == pattern


def _remove(index: dict[str, dict[str, None]], key: str, member: str) -> None:
    index[key].pop(member, None)
    if not index[key]:
        del index[key]
