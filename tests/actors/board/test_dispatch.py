"""Who gets the next letter: order for one agent, the least busy of a pool, suspects alone."""

from __future__ import annotations

import pytest

from stigmergy.actors.board.dispatch import AHEAD, Dispatcher
from stigmergy.actors.board.mail import Mail
from stigmergy.actors.board.pools import names
from stigmergy.protocols.envelope import Envelope


@pytest.fixture
def desk():
    mail = Mail(lambda kind, data: None)
    hosts = {"here": "h.1"}
    return mail, Dispatcher(mail, lambda agent: hosts["here"], lambda kind: names(kind, 2)), hosts


def accept(mail, dispatcher, *ids, to="a/1", pool=""):
    for message in ids:
        mail.accept(Envelope(message, "tell", "T@1", "c/1", to, b"", "talk"), pool, 0.0)
    dispatcher.stir(pool or to)


def send(mail, dispatcher, now=0.0):
    sent = dispatcher.ready(now)
    for message, agent, host in sent:
        mail.attempt(message, agent, host)
    return [(message, agent) for message, agent, _ in sent]


def finish(mail, dispatcher, message):
    letter = mail.letters[message]
    mail.done(message, None)
    dispatcher.finished(message, letter.host, letter.agent)


def test_one_agent_gets_its_mail_in_order_and_a_few_letters_ahead(desk):
    mail, dispatcher, _ = desk
    names = [f"m{n:02}" for n in range(AHEAD + 2)]
    accept(mail, dispatcher, *names)
    assert [m for m, _ in send(mail, dispatcher)] == names[:AHEAD]
    assert send(mail, dispatcher) == []
    finish(mail, dispatcher, "m00")
    assert send(mail, dispatcher) == [(names[AHEAD], "a/1")]


def test_a_pool_grows_only_when_all_are_busy_and_never_beyond_its_cap(desk):
    mail, dispatcher, _ = desk
    accept(mail, dispatcher, "m1", to="a", pool="a")
    assert send(mail, dispatcher) == [("m1", "a/pool.1")]
    accept(mail, dispatcher, "m2", "m3", to="a", pool="a")
    assert send(mail, dispatcher) == [("m2", "a/pool.2")]
    finish(mail, dispatcher, "m1")
    assert send(mail, dispatcher) == [("m3", "a/pool.1")]


def test_a_pool_goes_on_when_its_agent_has_finished_what_was_sent_to_that_agent_itself(desk):
    mail, dispatcher, _ = desk
    accept(mail, dispatcher, "own1", to="a/pool.1")
    accept(mail, dispatcher, "own2", to="a/pool.2")
    accept(mail, dispatcher, "m1", to="a", pool="a")
    assert send(mail, dispatcher) == [("own1", "a/pool.1"), ("own2", "a/pool.2")]
    finish(mail, dispatcher, "own2")
    assert send(mail, dispatcher) == [("m1", "a/pool.2")]


def test_nothing_goes_out_without_a_host_and_everything_once_there_is_one(desk):
    mail, dispatcher, hosts = desk
    hosts["here"] = None
    accept(mail, dispatcher, "m1")
    assert send(mail, dispatcher) == []
    hosts["here"] = "h.2"
    dispatcher.stir_all()
    assert send(mail, dispatcher) == [("m1", "a/1")]


def test_letters_of_a_dead_host_go_alone_before_anything_else(desk):
    mail, dispatcher, hosts = desk
    accept(mail, dispatcher, "m1", "m2")
    send(mail, dispatcher)
    hosts["here"] = "h.2"
    dispatcher.suspect(mail.lost("h.1"))
    dispatcher.lost("h.1")
    accept(mail, dispatcher, "new", to="b/1")
    assert send(mail, dispatcher) == [("m1", "a/1")]
    assert send(mail, dispatcher) == []
    finish(mail, dispatcher, "m1")
    assert send(mail, dispatcher) == [("m2", "a/1")]
    assert send(mail, dispatcher) == []
    finish(mail, dispatcher, "m2")
    assert send(mail, dispatcher) == [("new", "b/1")]


def test_a_paused_dispatcher_sends_nothing(desk):
    mail, dispatcher, _ = desk
    accept(mail, dispatcher, "m1")
    dispatcher.paused = True
    assert send(mail, dispatcher) == []


def test_what_a_lone_suspect_asks_for_goes_out_though_its_host_is_reserved(desk):
    mail, dispatcher, hosts = desk
    accept(mail, dispatcher, "m1")
    send(mail, dispatcher)
    for number, to in ((0, "b/1"), (1, "p")):
        ask = Envelope(f"q{number}", "ask", "T@1", "a/1", to, b"", "talk", cause="m1")
        mail.accept(ask, "p" if to == "p" else "", 0.0, (number, "ask"))
    dispatcher.stir("b/1")
    send(mail, dispatcher)
    hosts["here"] = "h.2"
    dispatcher.suspect(mail.lost("h.1"))
    dispatcher.lost("h.1")
    accept(mail, dispatcher, "new", to="c/1")
    sent = send(mail, dispatcher) + send(mail, dispatcher)
    assert sent[0] == ("m1", "a/1")
    assert sorted(sent[1:]) == [("q0", "b/1"), ("q1", "p/pool.1")]


def test_a_suspect_that_lives_long_no_longer_keeps_its_host_to_itself(desk):
    mail, dispatcher, hosts = desk
    accept(mail, dispatcher, "m1")
    send(mail, dispatcher)
    hosts["here"] = "h.2"
    dispatcher.suspect(mail.lost("h.1"))
    dispatcher.lost("h.1")
    accept(mail, dispatcher, "new", to="b/1")
    assert send(mail, dispatcher, now=0.0) == [("m1", "a/1")]
    assert send(mail, dispatcher, now=1.5) == []
    assert send(mail, dispatcher, now=2.5) == [("new", "b/1")]


def test_an_agent_moves_to_another_host_only_when_nothing_of_it_is_in_flight(desk):
    mail, dispatcher, hosts = desk
    accept(mail, dispatcher, "m1")
    send(mail, dispatcher)
    hosts["here"] = "h.2"
    dispatcher.stir_all()
    accept(mail, dispatcher, "m2")
    assert send(mail, dispatcher) == []
    finish(mail, dispatcher, "m1")
    assert send(mail, dispatcher) == [("m2", "a/1")]
    assert mail.letters["m2"].host == "h.2"


def test_a_letter_that_killed_its_host_again_still_goes_before_the_later_ones(desk):
    mail, dispatcher, hosts = desk
    accept(mail, dispatcher, "m1", "m2")
    send(mail, dispatcher)
    hosts["here"] = None
    dispatcher.suspect(mail.lost("h.1"))
    dispatcher.lost("h.1")
    hosts["here"] = "h.2"
    assert send(mail, dispatcher) == [("m1", "a/1")]
    hosts["here"] = "h.3"
    dispatcher.suspect(mail.lost("h.2"))
    dispatcher.lost("h.2")
    assert send(mail, dispatcher) == [("m1", "a/1")]


def test_a_letter_that_was_there_twice_when_a_host_died_endangers_nobody_else(desk):
    mail, dispatcher, hosts = desk
    accept(mail, dispatcher, "killer", to="a/1")
    accept(mail, dispatcher, "long", to="a/2")
    accept(mail, dispatcher, "new", to="a/3")
    send(mail, dispatcher)
    finish(mail, dispatcher, "new")
    dispatcher.suspect(mail.lost("h.1"))
    dispatcher.lost("h.1")
    hosts["here"] = "h.2"
    assert send(mail, dispatcher) == [("killer", "a/1")]
    dispatcher.suspect(mail.lost("h.2"))
    dispatcher.lost("h.2")
    hosts["here"] = "h.3"
    assert send(mail, dispatcher) == [("long", "a/2")]
    assert send(mail, dispatcher, now=100.0) == []  # it takes long, and so it could be killed with it
    finish(mail, dispatcher, "long")
    accept(mail, dispatcher, "newer", to="a/3")
    assert send(mail, dispatcher, now=100.0) == [("killer", "a/1")]
    assert send(mail, dispatcher, now=200.0) == []
    finish(mail, dispatcher, "killer")
    assert send(mail, dispatcher, now=200.0) == [("newer", "a/3")]


def twice_in_flight(mail, dispatcher, hosts):
    """Of two letters that saw two hosts die, one runs alone at the third, and one waits that it is quiet there."""
    accept(mail, dispatcher, "killer", to="a/1")
    accept(mail, dispatcher, "long", to="a/2")
    send(mail, dispatcher)
    for dead in ("h.1", "h.2"):
        hosts["here"] = None
        dispatcher.suspect(mail.lost(dead))
        dispatcher.lost(dead)
        hosts["here"] = "h.3" if dead == "h.2" else "h.2"
        dispatcher.joined()
        first = send(mail, dispatcher)
    assert first == [("long", "a/2")]


def test_a_suspect_that_waits_for_a_quiet_host_keeps_new_mail_from_its_successor_too(desk):
    mail, dispatcher, hosts = desk
    twice_in_flight(mail, dispatcher, hosts)
    accept(mail, dispatcher, "new", to="a/3")
    assert send(mail, dispatcher, now=100.0) == []  # else there may always be some, and the killer waits for ever
    finish(mail, dispatcher, "long")
    assert send(mail, dispatcher, now=100.0) == [("killer", "a/1")]


def test_what_waited_behind_a_suspect_goes_out_when_the_suspect_dies_waiting(desk):
    mail, dispatcher, hosts = desk
    twice_in_flight(mail, dispatcher, hosts)
    accept(mail, dispatcher, "new", to="a/3")
    assert send(mail, dispatcher, now=100.0) == []
    mail.dead("killer", "deadline", "")
    dispatcher.finished("killer", "", "a/1")
    assert send(mail, dispatcher, now=101.0) == [("new", "a/3")]


def test_a_host_gets_quiet_for_a_suspect_though_a_turn_there_asks_for_something_first(desk):
    mail, dispatcher, hosts = desk
    twice_in_flight(mail, dispatcher, hosts)
    ask = Envelope("q", "ask", "T@1", "a/2", "b/1", b"", "talk", cause="long")
    mail.accept(ask, "", 0.0, (0, "ask"))
    dispatcher.stir("b/1")
    assert send(mail, dispatcher, now=100.0) == [("q", "b/1")]
    finish(mail, dispatcher, "q")
    finish(mail, dispatcher, "long")
    assert send(mail, dispatcher, now=100.0) == [("killer", "a/1")]


def asks(mail, dispatcher, turn, message, to, pool=""):
    """A turn asks, and nobody looks yet whether that may go."""
    number = len(mail.letters[turn].asks)
    asker = mail.letters[turn].agent
    mail.accept(Envelope(message, "ask", "T@1", asker, to, b"", "talk", cause=turn), pool, 0.0, (number, "ask"))
    dispatcher.stir(pool or to)


def asks_behind_another(mail, dispatcher):
    """A turn of a/1 asks b/1, in whose box another letter lies before."""
    accept(mail, dispatcher, "m1")
    send(mail, dispatcher)
    accept(mail, dispatcher, "before", to="b/1")
    asks(mail, dispatcher, "m1", "q", "b/1")


def dies(mail, dispatcher, hosts, host):
    """A host dies, and there is another one."""
    hosts["here"] = f"{host}'"
    dispatcher.suspect(mail.lost(host))
    dispatcher.lost(host)


def test_what_lies_before_a_lone_suspects_ask_goes_out_too(desk):
    mail, dispatcher, hosts = desk
    asks_behind_another(mail, dispatcher)
    accept(mail, dispatcher, "behind", to="b/1")
    dies(mail, dispatcher, hosts, "h.1")
    assert send(mail, dispatcher) == [("m1", "a/1"), ("before", "b/1"), ("q", "b/1")]


def test_what_a_letter_before_a_lone_suspects_ask_asks_for_goes_out_too(desk):
    mail, dispatcher, hosts = desk
    asks_behind_another(mail, dispatcher)
    dies(mail, dispatcher, hosts, "h.1")
    assert [message for message, _ in send(mail, dispatcher)] == ["m1", "before", "q"]
    accept(mail, dispatcher, "before that", to="c/1")
    asks(mail, dispatcher, "before", "q2", "c/1")
    assert send(mail, dispatcher) == [("before that", "c/1"), ("q2", "c/1")]


def test_a_pool_that_a_lone_suspect_asks_gets_what_its_members_wait_for(desk):
    mail, dispatcher, hosts = desk
    accept(mail, dispatcher, "w1", "w2", to="p", pool="p")
    send(mail, dispatcher)
    accept(mail, dispatcher, "m1")
    hosts["here"] = "h.2"
    assert send(mail, dispatcher) == [("m1", "a/1")]
    asks(mail, dispatcher, "m1", "q", "p", pool="p")
    asks(mail, dispatcher, "w1", "deep", "b/1")
    dies(mail, dispatcher, hosts, "h.2")
    assert send(mail, dispatcher) == [("m1", "a/1"), ("deep", "b/1")]


def test_a_host_gets_quiet_for_a_suspect_though_something_lies_before_what_a_turn_there_asks_for(desk):
    mail, dispatcher, hosts = desk
    twice_in_flight(mail, dispatcher, hosts)
    accept(mail, dispatcher, "before", to="b/1")
    asks(mail, dispatcher, "long", "q", "b/1")
    assert send(mail, dispatcher, now=100.0) == [("before", "b/1"), ("q", "b/1")]
    for message in ("before", "q", "long"):
        finish(mail, dispatcher, message)
    assert send(mail, dispatcher, now=100.0) == [("killer", "a/1")]


def test_a_suspect_does_not_wait_for_a_turn_whose_ask_lies_behind_it(desk):
    mail, dispatcher, hosts = desk
    twice_in_flight(mail, dispatcher, hosts)
    asks(mail, dispatcher, "long", "q", "a/1")
    assert send(mail, dispatcher, now=100.0) == [("killer", "a/1")]
    finish(mail, dispatcher, "killer")
    assert send(mail, dispatcher, now=100.0) == [("q", "a/1")]
