"""Letters must say of every message what the board's own mail says of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stigmergy.actors.board.mail import Mail
from stigmergy.runtime.history.letters import Letters

from .entries import Book, message

VERBS = ("accept", "pool", "fan", "attempt", "attempt", "attempt", "again", "lost", "done", "dead")
STEPS = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 7)), min_size=10, max_size=60)


def drive(mail: Mail, steps: list[tuple[str, int]]) -> None:
    """Carry out the commands that are possible."""
    for number, (verb, which) in enumerate(steps):
        waiting = [i for box in (*mail.boxes.values(), *mail.pools.values()) for i in box]
        flying = [i for box in mail.flying.values() for i in box]
        if verb == "accept":
            mail.accept(message(f"m{number}", to=f"scout/{which}"), "", 0.0)
        elif verb == "pool":
            mail.accept(message(f"m{number}", to="skill:look"), "scout", 0.0)
        elif verb == "fan":
            mail.fan(message(f"m{number}", to="news", mode="post"), ["scout", f"scout/{which}"], 0.0)
        elif verb == "attempt" and waiting:
            chosen = waiting[which % len(waiting)]
            mail.attempt(chosen, mail.letters[chosen].agent or f"scout/pool.{which}", f"host-{which % 2}.1")
        elif verb == "again" and flying:
            mail.again(flying[which % len(flying)], "it failed")
        elif verb == "lost":
            mail.lost(f"host-{which % 2}.1")
        elif verb == "done" and flying:
            mail.done(flying[which % len(flying)], None)
        elif verb == "dead" and (waiting or flying):
            every = waiting + flying
            mail.dead(every[which % len(every)], "deadline", "too late")


@given(STEPS)
def test_open_letters_are_those_of_the_board(steps):
    book = Book()
    mail = Mail(book.record)
    drive(mail, steps)
    letters = Letters()
    for entry in book.entries:
        letters.apply(entry)
    seen = {id_: (x.agent, x.pool, len(x.attempts), x.outcome == "running") for id_, x in letters.open.items()}
    known = {id_: (x.agent, x.pool, x.attempts, bool(x.host)) for id_, x in mail.letters.items()}
    assert seen == known


def test_a_finished_letter_knows_how_long_it_took_and_what_went_wrong_on_the_way():
    book = Book()
    book.accept(message("m"), pool="scout")  # at 1,001
    book.attempt("m", "scout/pool.1")
    book.add("mail.lost", host="host-1.1", ids=["m"])
    book.attempt("m", "scout/pool.1", "host-1.2")
    book.add("mail.again", id="m", error="no map")
    book.done("m")
    letters = Letters()
    (letter,) = [moved for entry in book.entries for moved in letters.apply(entry)][-1:]
    assert letters.open == {}
    assert (letter.kind, letter.outcome, letter.ended - letter.accepted) == ("scout", "done", 5.0)
    assert [(a.host, a.ended - a.began, a.error, a.lost) for a in letter.attempts] == [
        ("host-1.1", 1.0, "host host-1.1 was lost", True),
        ("host-1.2", 1.0, "no map", False),
        ("host-1.2", 1.0, "", False),
    ]
    assert letter.failures == 1


def test_letters_that_are_not_wanted_are_not_followed():
    book = Book()
    book.accept(message("a", conversation="other"))
    book.attempt("a", "scout/1")
    book.done("a")
    letters = Letters(lambda envelope: envelope.conversation == "c")
    assert [letters.apply(entry) for entry in book.entries] == [[], [], []]
