"""Who did how much."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stigmergy.runtime.history.activity import percentile
from stigmergy.runtime.history.figures import Figures

from .entries import Book, message


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_the_smallest_value_that_covers_the_share(values, share):
    found = percentile(values, share)
    covered = sum(value <= found for value in values)
    below = sum(value < found for value in values)
    assert covered >= share * len(values) - 1e-6
    assert below < share * len(values)


def test_no_values_have_no_percentile():
    assert percentile([], 0.5) is None


def story() -> Book:
    """A lead asks a scout that fails once and answers; another message is never handled."""
    book = Book()
    book.accept(message("m", to="lead/1", mode="ask"))
    book.attempt("m", "lead/1")
    book.accept(message("q", "lead/1", "skill:look", mode="ask", cause="m"), pool="scout")
    book.attempt("q", "scout/pool.1")
    book.add("mail.again", id="q", error="no map")
    book.done("q")
    book.add("mail.reply", e=message("a", "scout/pool.1", "lead/1", mode="reply", cause="q", reply_to="q").to_wire())
    book.accept(message("late", to="lead/1"))
    return book


def test_kinds_and_agents_are_counted_alike():
    figures = Figures.of(story().entries)
    counts = {p.name: (p.received, p.sent, p.turns, p.failures, p.retries) for p in figures.kinds()}
    assert counts == {"lead": (2, 1, 0, 0, 0), "scout": (1, 1, 1, 1, 1), "client": (0, 2, 0, 0, 0)}
    agents = {p.name: (p.received, p.sent, p.turns, p.failures, p.retries) for p in figures.agents()}
    assert agents == {"lead/1": (1, 1, 0, 0, 0), "scout/pool.1": (1, 1, 1, 1, 1), "client/main": (0, 2, 0, 0, 0)}


def test_latency_is_from_acceptance_to_commit():
    scout = Figures.of(story().entries).activity.kinds["scout"]
    assert scout.percentile_ms(0.5) == 3_000.0


def test_what_is_open_at_the_end_is_counted_as_open():
    figures = Figures.of(story().entries)
    assert (figures.open, len(figures.talks.all), figures.talks.all["c"].messages) == (2, 1, 4)


def test_a_letter_that_dies_is_counted_with_its_reason_and_an_example():
    book = story()
    book.add("mail.dead", id="m", reason="deadline", detail="why")
    book.bury(message("m", to="lead/1"), "deadline", attempts=1)
    figures = Figures.of(book.entries)
    assert figures.activity.kinds["lead"].dead == 1
    assert figures.dead == {"deadline": 1}
    assert [dead.id for dead in figures.examples["deadline"]] == ["m"]


def test_hosts_have_lives():
    book = Book()
    book.add("registry.join", host="host-1", epoch=1, kinds=[], weight=1.0, instance="")
    book.accept(message("m"))
    book.attempt("m", "scout/1")
    book.add("mail.lost", host="host-1.1", ids=["m"])
    book.add("registry.gone", host="host-1", epoch=1)
    book.add("registry.join", host="host-1", epoch=2, kinds=["scout"], weight=1.0, instance="")
    first, second = Figures.of(book.entries).lives.all.values()
    assert (first.host, first.joined, first.gone, first.attempts, first.lost) == ("host-1.1", 1_001.0, 1_005.0, 1, 1)
    assert (second.host, second.gone, second.kinds) == ("host-1.2", None, ["scout"])


def test_alerts_come_with_their_time():
    book = Book()
    book.add("ledger.open", account="swarm", budget={"messages": 4}, now=1.0)
    for _ in range(4):
        book.add("ledger.charge", paid=[["swarm/kind:client", {"messages": 1}]], now=1.0)
    figures = Figures.of(book.entries)
    assert [(alert.at, alert.alert.share) for alert in figures.money.alerts] == [
        (1_003.0, 0.5),
        (1_005.0, 0.8),
        (1_005.0, 0.95),
        (1_005.0, 1.0),
    ]
    assert figures.totals.messages == 4
