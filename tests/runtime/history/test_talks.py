"""Finding a conversation by what a person types."""

from __future__ import annotations

import pytest

from stigmergy.protocols.errors import UsageError
from stigmergy.runtime.history.talks import Search

from .entries import Book, message


def search(wanted: str, book: Book) -> Search:
    found = Search(wanted)
    for entry in book.entries:
        found.apply(entry)
    return found


@pytest.fixture
def book() -> Book:
    book = Book()
    book.accept(message("f00d", conversation="aaa1"))
    book.accept(message("beef", conversation="aaa2"))
    book.post(message("bead", "scout/1", "news", conversation="aaa2", mode="post"), "guard/1")
    return book


@pytest.mark.parametrize(
    ("wanted", "talk", "message_id"),
    [("aaa1", "aaa1", ""), ("f0", "aaa1", "f00d"), ("beef", "aaa2", "beef"), ("bead.0", "aaa2", "bead")],
)
def test_the_beginning_of_an_id_is_enough(book, wanted, talk, message_id):
    found, through = search(wanted, book).found()
    assert (found.id, through) == (talk, message_id)


@pytest.mark.parametrize("wanted", ["aaa", "be"])
def test_what_fits_several_is_refused_with_their_ids(book, wanted):
    with pytest.raises(UsageError, match="2 ids begin with .*: give more of the id"):
        search(wanted, book).found()


def test_an_id_that_is_the_beginning_of_another_means_itself():
    book = Book()
    book.accept(message("m", conversation="aa"))
    book.accept(message("n", conversation="aab"))
    assert search("aa", book).found()[0].id == "aa"


def test_an_unknown_id_is_refused_with_advice(book):
    with pytest.raises(UsageError, match="--largest"):
        search("c0ffee", book).found()


def test_the_largest_has_the_most_messages(book):
    assert search("", book).largest().id == "aaa2"


def test_a_run_without_messages_has_no_largest():
    with pytest.raises(UsageError, match="nobody has sent anything"):
        search("", Book()).largest()
