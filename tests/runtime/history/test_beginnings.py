"""Whether anything has happened in a run."""

from __future__ import annotations

from stigmergy.runtime.history.beginnings import has_begun

from .entries import Book, message


def ready() -> Book:
    """A run that was got ready, stopped, and gone on with."""
    book = Book()
    for kind in ("swarm.begin", "ledger.open", "registry.kind", "topics.subscribe", "registry.join", "swarm.stop"):
        book.add(kind)
    for kind in ("trails.define", "swarm.act", "ledger.reopen", "registry.gone", "swarm.resume", "registry.measured"):
        book.add(kind)
    return book


def test_a_run_that_was_only_got_ready_has_not_begun():
    assert not has_begun([])
    assert not has_begun(ready().entries)


def test_whatever_somebody_may_rely_on_begins_a_run():
    for kind in ("facts.write", "claims.offer", "trails.deposit", "swarm.told", "ledger.charge", "ledger.reserve"):
        book = ready()
        book.add(kind)
        assert has_begun(book.entries), kind
    book = ready()
    book.post(message("p", "client/main", "news", mode="post"))
    assert has_begun(book.entries)


def test_nobody_reads_on_when_the_answer_is_known():
    book = ready()
    book.accept(message("m"))
    book.add("facts.write")
    rest = iter(book.entries)
    assert has_begun(rest)
    assert [entry.kind for entry in rest] == ["facts.write"]
