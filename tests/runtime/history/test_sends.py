"""A message counts once, whatever becomes of it."""

from __future__ import annotations

from stigmergy.protocols.codec import pack
from stigmergy.protocols.ids import sent_id
from stigmergy.protocols.series import Series
from stigmergy.runtime.history.sends import Burials, sent

from .entries import Book, message


def messages_in(book):
    burials = Burials()
    found = [envelope for entry in book.entries for envelope in sent(entry, burials.dead_letter(entry))]
    return [envelope.id for envelope in found]


def dead_letters_in(book):
    burials = Burials()
    return [dead for entry in book.entries if (dead := burials.dead_letter(entry)) is not None]


def test_accepted_answered_posted_and_refused_messages_are_seen():
    book = Book()
    book.accept(message("asked", mode="ask"))
    book.add("mail.reply", e=message("answer", mode="reply", reply_to="asked").to_wire())
    book.post(message("news", to="topic", mode="post"), "scout/1", "scout/2")
    book.bury(message("refused"), "undeliverable")
    assert messages_in(book) == ["asked", "answer", "news", "refused"]


def test_each_post_of_a_turn_is_seen():
    book = Book()
    posts = [[1, "News@1", b"one"], [3, "News@1", b"three"]]
    book.series(Series("topic", "scout/1", "c", "m1", "", 1, (), posts), "scout/2")
    assert messages_in(book) == [sent_id("m1", 1), sent_id("m1", 3)]


def test_a_dead_letter_that_was_accepted_before_is_no_second_message():
    book = Book()
    book.accept(message("m"))  # at 1,001
    book.add("mail.dead", id="m", reason="deadline", detail="why")
    book.bury(message("m"), "deadline", accepted_at=1_001.0)
    assert messages_in(book) == ["m"]
    (dead,) = dead_letters_in(book)
    assert (dead.refused, dead.reason, dead.age_s) == (None, "deadline", 2.0)


def test_a_dead_work_item_is_a_dead_letter_without_a_message():
    book = Book()
    item = {"queue": "jobs", "item": "7", "reason": "work item died", "detail": "its lease ended"}
    book.add("topics.post", topic="dead-letters", id="dead:jobs/7", writer="board", at=0.0, body=pack(item))
    (dead,) = dead_letters_in(book)
    assert (dead.type, dead.to, dead.id, dead.refused) == ("work item", "jobs", "7", None)
    assert messages_in(book) == []


def test_what_is_no_envelope_on_a_topic_is_no_message():
    book = Book()
    book.add("topics.post", topic="notes", id="1", writer="somebody", at=0.0, body=b"just text")
    assert messages_in(book) == []
