"""Topics: one order for everybody, no gap, no id twice, and one crossing for each group."""

from __future__ import annotations

import pytest

from stigmergy.actors.board.topic_log import Post
from stigmergy.actors.board.topics import Posted, Topics
from stigmergy.protocols.codec import pack
from stigmergy.protocols.errors import InvalidName, JournalError, StorageFull, UsageError
from stigmergy.protocols.series import Series
from tests.actors.board.entries import Entries


@pytest.fixture
def entries() -> Entries:
    return Entries()


@pytest.fixture
def topics(entries: Entries) -> Topics:
    return Topics(entries, retain=5)


def fill(topics: Topics, topic: str, count: int) -> None:
    for i in range(1, count + 1):
        topics.post(topic, f"{topic}-{i}", b"body", "w/1", float(i))


def offsets(posts: list[Post]) -> list[int]:
    return [post.offset for post in posts]


def test_offsets_count_from_one_without_a_gap_in_each_topic(topics: Topics) -> None:
    assert [topics.post("news", f"n{i}", b"", "w/1", 0.0).offset for i in range(3)] == [1, 2, 3]
    assert topics.post("other", "n0", b"", "w/1", 0.0) == Posted(1, news=True)
    assert (topics.last_offset("news"), topics.last_offset("nowhere")) == (3, 0)


def test_a_post_comes_back_as_it_was_written(topics: Topics) -> None:
    topics.post("news", "id1", b"\x81\xa1x\x01", "scout/1", 12.5)

    assert topics.read("news", after=0) == [Post(1, "id1", "scout/1", 12.5, b"\x81\xa1x\x01")]
    assert topics.read("nowhere", after=0) == []


def test_the_same_id_a_hundred_times_is_one_row_with_equal_offsets(topics: Topics, entries: Entries) -> None:
    fill(topics, "news", 2)
    posted = [topics.post("news", "again", b"", "w/1", 0.0) for _ in range(100)]

    assert posted == [Posted(3, news=True)] + [Posted(3, news=False)] * 99
    assert len(entries) == 3


def test_a_post_from_outside_is_known_also_after_it_has_left_memory(topics: Topics) -> None:
    topics.post("news", "from a driver", b"", "client/main", 0.0)
    fill(topics, "news", 50)

    assert topics.post("news", "from a driver", b"", "client/main", 0.0) == Posted(1, news=False)


def test_memory_is_as_large_after_many_posts_of_agents_as_after_few(topics: Topics) -> None:
    fill(topics, "news", 6)
    after_few = len(topics.snapshot()["logs"]["news"][1])
    fill(topics, "more", 5_000)

    assert len(topics.snapshot()["logs"]["more"][1]) == after_few == 5


def test_memory_keeps_the_newest_posts_and_says_where_it_begins(topics: Topics) -> None:
    assert topics.first_offset("news") == 1
    fill(topics, "news", 12)

    assert topics.first_offset("news") == 8
    assert offsets(topics.read("news", after=7)) == [8, 9, 10, 11, 12]
    assert offsets(topics.read("news", after=8, limit=2)) == [9, 10]
    assert topics.read("news", after=12) == []
    with pytest.raises(UsageError, match="post 7 of topic 'news' has left memory, which begins at 8"):
        topics.read("news", after=6)


def test_memory_is_bounded_in_bytes_too_but_keeps_the_newest() -> None:
    topics = Topics(Entries(), retain_bytes=100)
    for i in range(10):
        topics.post("news", f"{i}", b"x" * 40, "w/1", 0.0)
    assert offsets(topics.read("news", after=8)) == [9, 10]
    topics.post("news", "huge", b"x" * 1000, "w/1", 0.0)

    assert topics.first_offset("news") == topics.last_offset("news") == 11


def test_a_subscriber_starts_now_unless_it_names_an_offset(topics: Topics) -> None:
    fill(topics, "news", 4)
    topics.subscribe("news", "late/1", "host1")
    topics.subscribe("news", "all/1", "host1", after=0)
    topics.subscribe("news", "ahead/1", "host1", after=99)

    assert [topics.cursor("news", name) for name in ("late/1", "all/1", "ahead/1", "none/1")] == [4, 0, 4, None]
    topics.post("news", "n5", b"", "w/1", 0.0)
    assert topics.lag("late/1") == {"news": 1}
    assert topics.lag("all/1") == {"news": 5}
    assert topics.lag("none/1") == {}


def test_a_pattern_covers_topics_that_are_there_and_those_that_begin_later(topics: Topics) -> None:
    fill(topics, "bugs.ui", 2)
    fill(topics, "news", 1)
    topics.subscribe("bugs.*", "fixer/1", "host1")
    fill(topics, "bugs.core", 3)
    fill(topics, "news.late", 1)
    topics.subscribe("*", "audit/1", "host2", after=0)
    fill(topics, "more", 1)

    assert topics.lag("fixer/1") == {"bugs.ui": 0, "bugs.core": 3}
    assert topics.lag("audit/1") == {"bugs.ui": 2, "news": 1, "bugs.core": 3, "news.late": 1, "more": 1}
    assert topics.topics() == ["bugs.ui", "news", "bugs.core", "news.late", "more"]


def test_a_topic_can_be_read_before_anybody_posted_to_it(topics: Topics) -> None:
    topics.subscribe("news", "a/1", "host1")
    fill(topics, "news", 2)

    assert topics.lag("a/1") == {"news": 2}


def test_a_post_crosses_once_to_each_group_however_many_subscribe_there(topics: Topics) -> None:
    for i in range(100):
        topics.subscribe("news", f"a/{i}", f"host{i % 2}")

    assert topics.groups("news") == ["host0", "host1"]
    assert topics.members("news", "host1") == [f"a/{i}" for i in range(1, 100, 2)]
    assert topics.members("news", "host9") == []
    assert topics.groups("nowhere") == []


def test_two_patterns_of_one_subscriber_are_one_delivery(topics: Topics) -> None:
    topics.subscribe("bugs.*", "a/1", "host1")
    topics.subscribe("bugs.ui", "a/1", "host1")
    topics.subscribe("*", "a/1", "host1")

    assert topics.members("bugs.ui", "host1") == ["a/1"]
    topics.unsubscribe("bugs.ui", "a/1")
    topics.unsubscribe("bugs.ui", "a/1")
    assert topics.members("bugs.ui", "host1") == ["a/1"]
    topics.unsubscribe("*", "a/1")
    topics.unsubscribe("bugs.*", "a/1")
    assert topics.groups("bugs.ui") == []
    assert topics.cursor("bugs.ui", "a/1") is None


def test_a_subscriber_that_moves_takes_its_cursor_along(topics: Topics, entries: Entries) -> None:
    topics.subscribe("news", "a/1", "host1")
    fill(topics, "news", 3)
    topics.advance("news", {"a/1": 2})
    before = len(entries)
    topics.move({"a/1": "host2", "unknown/1": "host2"})
    topics.move({"a/1": "host2"})

    assert len(entries) == before + 1
    assert topics.groups("news") == ["host2"]
    assert topics.lag("a/1") == {"news": 1}


def test_subscribing_again_from_another_group_moves_and_keeps_the_cursor(topics: Topics, entries: Entries) -> None:
    topics.subscribe("news", "a/1", "host1")
    topics.subscribe("bugs", "a/1", "host1")
    fill(topics, "news", 3)
    topics.advance("news", {"a/1": 3})
    before = len(entries)
    topics.subscribe("news", "a/1", "host1", after=0)
    assert len(entries) == before
    topics.subscribe("news", "a/1", "host2", after=0)

    assert topics.cursor("news", "a/1") == 3
    assert topics.groups("news") == topics.groups("bugs") == ["host2"]


def test_cursors_go_forward_only_and_many_advance_in_one_entry(topics: Topics, entries: Entries) -> None:
    for name in ("a/1", "b/1"):
        topics.subscribe("news", name, "host1")
    fill(topics, "news", 4)
    before = len(entries)
    topics.advance("news", {"a/1": 4, "b/1": 2, "stranger/1": 3})
    topics.advance("news", {"a/1": 1, "b/1": 2})

    assert len(entries) == before + 1
    assert [topics.cursor("news", name) for name in ("a/1", "b/1", "stranger/1")] == [4, 2, None]
    with pytest.raises(UsageError, match="'b/1' cannot have read post 5 of topic 'news': the last is 4"):
        topics.advance("news", {"a/1": 4, "b/1": 5})


def test_ids_are_forgotten_only_below_every_cursor(topics: Topics, entries: Entries) -> None:
    topics.subscribe("news", "slow/1", "host1")
    fill(topics, "news", 4)
    topics.advance("news", {"slow/1": 2})
    with pytest.raises(UsageError, match="still to be read by 'slow/1'"):
        topics.forget("news", before=4)
    topics.forget("news", before=3)
    before = len(entries)
    topics.forget("news", before=3)

    assert len(entries) == before
    assert topics.post("news", "news-3", b"", "w/1", 0.0) == Posted(3, news=False)
    assert topics.post("news", "news-2", b"", "w/1", 0.0) == Posted(5, news=True)


def test_after_a_restore_offsets_and_ids_go_on_and_memory_begins_behind_them(topics: Topics) -> None:
    topics.subscribe("n*", "a/1", "host1")
    fill(topics, "news", 3)
    restored = Topics(Entries())
    restored.apply("topics.restore", topics.snapshot())

    assert restored.snapshot() == topics.snapshot()
    assert restored.first_offset("news") == 4
    assert restored.post("news", "news-3", b"", "w/1", 0.0) == Posted(3, news=False)
    assert restored.post("news", "news-4", b"", "w/1", 0.0) == Posted(4, news=True)
    assert offsets(restored.read("news", after=3)) == [4]
    restored.post("new", "x", b"", "w/1", 0.0)
    assert restored.lag("a/1") == {"news": 4, "new": 1}
    assert restored.members("news", "host1") == ["a/1"]


def test_what_the_journal_refuses_does_not_happen(topics: Topics, entries: Entries) -> None:
    entries.full = True
    with pytest.raises(StorageFull):
        topics.post("news", "n1", b"", "w/1", 0.0)
    with pytest.raises(StorageFull):
        topics.subscribe("news", "a/1", "host1")
    entries.full = False

    assert topics.topics() == []
    assert topics.post("news", "n1", b"", "w/1", 0.0) == Posted(1, news=True)


@pytest.mark.parametrize(("topic", "post_id"), [("no good", "x"), ("", "x"), ("news*", "x"), ("news", "")])
def test_an_impossible_post_is_refused(topics: Topics, topic: str, post_id: str) -> None:
    with pytest.raises(InvalidName):
        topics.check(topic, post_id)
    with pytest.raises(InvalidName):
        topics.post(topic, post_id, b"", "w/1", 0.0)


@pytest.mark.parametrize(
    ("pattern", "subscriber", "group"), [("a*b", "a/1", "h"), ("**", "a/1", "h"), ("a", "", "h"), ("a", "a/1", "")]
)
def test_an_impossible_subscription_is_refused(topics: Topics, pattern: str, subscriber: str, group: str) -> None:
    with pytest.raises(InvalidName):
        topics.subscribe(pattern, subscriber, group)


def test_an_entry_of_another_kind_is_refused(topics: Topics) -> None:
    with pytest.raises(JournalError, match="newer version"):
        topics.apply("topics.shred", {})


def a_series(*numbers: int, to: str = "news", cause: str = "m1") -> Series:
    posts = [[number, "News@1", b"%d" % number] for number in numbers]
    return Series(to, "w/1", "talk", cause, "", 2, ("web",), posts)


def test_the_posts_of_a_turn_are_one_entry_and_stand_as_if_they_had_come_one_by_one() -> None:
    entries = Entries()
    together = Topics(entries, retain=3)
    single = Topics(lambda kind, data: None, retain=3)
    series = a_series(1, 2, 4, 5, 6)
    assert together.post_all(series, 1.0) == series
    for envelope in series.envelopes():
        single.post("news", envelope.id, pack(envelope), "w/1", 1.0)
    assert [kind for kind, _ in entries.rows] == ["topics.series"]
    replayed = entries.replay(Topics(Entries(), retain=3))
    for topics in (together, replayed):
        for after in (2, 3, 4, 5):
            assert topics.read("news", after) == single.read("news", after)
        assert topics.first_offset("news") == single.first_offset("news") == 3
        assert topics.copy("news") == single.copy("news")
    assert replayed.snapshot() == together.snapshot()


def test_of_a_turn_that_is_repeated_only_what_was_not_there_is_news() -> None:
    topics = Topics(Entries())
    topics.post_all(a_series(1, 2), 1.0)
    topics.post_all(a_series(3, to="other"), 1.0)
    assert topics.post_all(a_series(1, 2), 2.0).posts == []
    assert topics.post_all(a_series(1, 2, 4), 2.0).posts == [[4, "News@1", b"4"]]
    assert topics.post_all(a_series(1, cause="m2"), 2.0) == a_series(1, cause="m2")
    assert topics.last_offset("news") == 4
    restored = Topics(Entries())
    restored.apply("topics.restore", topics.snapshot())
    assert restored.post_all(a_series(4, 5), 3.0).posts == [[5, "News@1", b"5"]]


def test_memory_is_bounded_within_a_series_too() -> None:
    many, large = Topics(Entries(), retain=4), Topics(Entries(), retain_bytes=4)
    for cause in ("m1", "m2", "m3"):
        for topics in (many, large):
            topics.post_all(a_series(1, 2, 3, cause=cause), 1.0)
    assert (many.first_offset("news"), large.first_offset("news")) == (6, 6)
    assert [post.offset for post in many.read("news", 5)] == [6, 7, 8, 9]
    with pytest.raises(UsageError, match="has left memory, which begins at 6"):
        many.read("news", 4)


def test_a_turn_is_known_until_its_last_post_has_left_memory() -> None:
    topics = Topics(Entries(), retain=4)
    topics.post_all(a_series(1, 2, cause="m1"), 1.0)
    for cause in range(2, 1_000):
        topics.post_all(a_series(1, 2, 3, cause=f"m{cause}"), 1.0)
    assert list(topics.snapshot()["logs"]["news"][2]) == ["m998", "m999"]
    assert topics.post_all(a_series(1, 2, 3, cause="m998"), 1.0).posts == []


def test_a_forgotten_turn_would_be_news_again() -> None:
    topics = Topics(Entries())
    topics.post_all(a_series(1, 2), 1.0)
    topics.post_all(a_series(1, 2, cause="m2"), 1.0)
    topics.forget("news", 3)
    assert topics.post_all(a_series(1, 2, cause="m2"), 2.0).posts == []
    assert topics.post_all(a_series(1, 2), 2.0) == a_series(1, 2)


def test_what_was_written_before_there_were_series_is_read() -> None:
    topics = Topics(Entries())
    topics.apply("topics.posts", {"topic": "news", "posts": [["p1", b"1"], ["p2", b"2"]], "writer": "w/1", "at": 1.0})
    assert topics.read("news", 0) == [Post(1, "p1", "w/1", 1.0, b"1"), Post(2, "p2", "w/1", 1.0, b"2")]
    assert topics.post("news", "p2", b"2", "w/1", 2.0) == Posted(2, news=False)


def test_a_series_for_no_topic_is_refused_whole() -> None:
    entries: list[str] = []
    topics = Topics(lambda kind, data: entries.append(kind))
    with pytest.raises(InvalidName):
        topics.post_all(a_series(1, to="no topic"), 0.0)
    assert entries == []
