"""Topics under random commands, against plain lists, and against the replay of their own entries."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stigmergy.actors.board.topics import Topics
from tests.actors.board.entries import Entries
from tests.depth import depth

RETAIN = 4
TOPICS = st.sampled_from(["a", "a.x", "a.y", "b"])
PATTERNS = st.sampled_from(["a", "b", "a*", "a.*", "*"])
READERS = st.sampled_from(["r/1", "r/2", "r/3"])
GROUPS = st.sampled_from(["h1", "h2"])


@dataclass
class Reader:
    group: str
    patterns: set[str] = field(default_factory=set)
    cursors: dict[str, int] = field(default_factory=dict)


def covers(pattern: str, topic: str) -> bool:
    return topic == pattern or (pattern[-1] == "*" and topic.startswith(pattern[:-1]))


class TopicsAgainstAModel(RuleBasedStateMachine):
    """The model looks through every pattern every time, and keeps every post."""

    def __init__(self) -> None:
        super().__init__()
        self.entries = Entries()
        self.topics = Topics(self.entries, retain=RETAIN)
        self.logs: dict[str, list[str]] = {}
        self.readers: dict[str, Reader] = {}

    def _open(self, topic: str) -> None:
        if topic not in self.logs:
            self.logs[topic] = []
            for reader in self.readers.values():
                if any(covers(pattern, topic) for pattern in reader.patterns):
                    reader.cursors[topic] = 0

    @rule(topic=TOPICS, number=st.integers(0, 15))
    def post(self, topic: str, number: int) -> None:
        """A post of an agent: its id is known while it is in memory."""
        self._open(topic)
        log, name = self.logs[topic], f"p{number}"
        known = name in log[-RETAIN:]
        if not known:
            log.append(name)
        offset = len(log) - log[::-1].index(name)
        assert self.topics.post(topic, name, b"x", "w/1", 0.0) == (offset, not known)

    @rule(topic=TOPICS, number=st.integers(0, 5))
    def post_from_outside(self, topic: str, number: int) -> None:
        """A post of a driver: its id is known for ever."""
        self._open(topic)
        log, name = self.logs[topic], f"d{number}"
        news = name not in log
        if news:
            log.append(name)
        assert self.topics.post(topic, name, b"x", "client/main", 0.0) == (log.index(name) + 1, news)

    @rule(pattern=PATTERNS, name=READERS, group=GROUPS, after=st.none() | st.integers(0, 5))
    def subscribe(self, pattern: str, name: str, group: str, after: int | None) -> None:
        self.topics.subscribe(pattern, name, group, after=after)
        if not pattern.endswith("*"):
            self._open(pattern)
        reader = self.readers.setdefault(name, Reader(group))
        reader.group = group
        reader.patterns.add(pattern)
        for topic, log in self.logs.items():
            if covers(pattern, topic):
                reader.cursors.setdefault(topic, len(log) if after is None else min(after, len(log)))

    @rule(pattern=PATTERNS, name=READERS)
    def unsubscribe(self, pattern: str, name: str) -> None:
        self.topics.unsubscribe(pattern, name)
        reader = self.readers.get(name, Reader("none"))
        reader.patterns.discard(pattern)
        reader.cursors = {t: c for t, c in reader.cursors.items() if any(covers(p, t) for p in reader.patterns)}
        if not reader.patterns:
            self.readers.pop(name, None)

    @rule(groups=st.dictionaries(READERS, GROUPS))
    def move(self, groups: dict[str, str]) -> None:
        self.topics.move(groups)
        for name, group in groups.items():
            if name in self.readers:
                self.readers[name].group = group

    @precondition(lambda self: any(self.logs.values()))
    @rule(data=st.data(), names=st.sets(READERS))
    def advance(self, data: st.DataObject, names: set[str]) -> None:
        topic = data.draw(st.sampled_from([topic for topic, log in self.logs.items() if log]))
        cursors = {name: data.draw(st.integers(0, len(self.logs[topic]))) for name in sorted(names)}
        self.topics.advance(topic, cursors)
        for name, at in cursors.items():
            if name in self.readers and topic in self.readers[name].cursors:
                self.readers[name].cursors[topic] = max(at, self.readers[name].cursors[topic])

    @invariant()
    def it_is_the_model(self) -> None:
        assert set(self.topics.topics()) == set(self.logs)
        for topic, log in self.logs.items():
            first = max(len(log) - RETAIN, 0) + 1
            assert (self.topics.first_offset(topic), self.topics.last_offset(topic)) == (first, len(log))
            held = [(post.offset, post.id) for post in self.topics.read(topic, after=first - 1)]
            assert held == [(i, log[i - 1]) for i in range(first, len(log) + 1)]
            here = [(reader.group, name) for name, reader in self.readers.items() if topic in reader.cursors]
            groups = self.topics.groups(topic)
            assert sorted((g, name) for g in groups for name in self.topics.members(topic, g)) == sorted(here)
        for name, reader in self.readers.items():
            lag = {topic: len(self.logs[topic]) - at for topic, at in reader.cursors.items()}
            assert self.topics.lag(name) == lag

    @invariant()
    def it_is_the_fold_of_its_entries(self) -> None:
        replayed = self.entries.replay(Topics(Entries(), retain=RETAIN))
        assert replayed.snapshot() == self.topics.snapshot()
        restored = Topics(Entries())
        restored.apply("topics.restore", self.topics.snapshot())
        assert restored.snapshot() == self.topics.snapshot()
        for topic in self.logs:
            groups = self.topics.groups(topic)
            assert replayed.groups(topic) == groups
            assert set(restored.groups(topic)) == set(groups)
            for group in groups:
                assert replayed.members(topic, group) == self.topics.members(topic, group)
            first = self.topics.first_offset(topic)
            assert replayed.read(topic, first - 1) == self.topics.read(topic, first - 1)


TestTopicsAgainstAModel = TopicsAgainstAModel.TestCase
TestTopicsAgainstAModel.settings = settings(stateful_step_count=depth(16, 25))
