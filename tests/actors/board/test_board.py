"""A whole board, driven by frames: who pays, who waits, whose clock runs, and what hangs on a turn before."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.board.pressure import HOLD_S
from stigmergy.actors.journal.memory import MemoryDisk, MemoryJournal
from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.ids import sent_id
from stigmergy.protocols.series import Series
from stigmergy.protocols.turn import AGAIN, UNDONE, Turn, Write
from tests.actors.kinds import a_kind

DRIVER, HOST = "client/main", "h.1"


class Site:
    """A board with one host, whose clock stands still unless a test moves it."""

    def __init__(self, *kinds: Any, **ceilings: int) -> None:
        self.now = 1_790_000_000.0
        self.disk = MemoryDisk()
        self.board = Board(MemoryJournal(self.disk), BoardConfig("run", {}), self.now)
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.tickets = 0
        self.do((DRIVER, "ledger", ["open", "swarm", ceilings]))
        self.do(*((DRIVER, "kind", kind.to_plain()) for kind in kinds), (DRIVER, "join", ["h", [], 1]))

    def do(self, *requests: tuple[str, str, Any]) -> list[Any]:
        """Requests that arrive together, as (peer, name, payload), and their one commit.

        What goes out: tells by name, answers as (ticket, payload or error name).
        """
        for peer, name, payload in requests:
            self.tickets += 1
            self.board.handle(peer, self.tickets, name, unpack(pack(payload)), self.now)
        frames, events = self.board.commit(self.now)
        self.events += events
        return [
            (out.name, out.payload) if out.name else (out.ticket, out.payload[0] if out.failed else out.payload)
            for out in frames
        ]

    def tick(self, seconds: float) -> list[Any]:
        self.now += seconds
        self.board.tick(self.now)
        return self.do()

    def send(self, *envelopes: Envelope) -> list[Any]:
        return self.do(*((DRIVER, "send", [list(envelope), None, []]) for envelope in envelopes))

    def spent(self) -> int:
        ((_, at),) = self.do((DRIVER, "ledger", ["position", "swarm"]))
        return int(at["settled"].get("messages", 0))

    def verdicts(self) -> list[dict[str, Any]]:
        return [data for name, data in self.events if name == "verdict"]


def a_letter(name: str, to: str = "a/1", mode: Any = "tell", sender: str = DRIVER, **more: Any) -> Envelope:
    return Envelope(name, mode, "Question@1", sender, to, pack({"text": name}), "talk", **more)


def done(letter: str, agent: str = "a/1", **more: Any) -> tuple[str, str, Any]:
    return HOST, "commit", list(Turn(letter, agent, HOST, 0, "done", **more))


def asked(letter: Envelope, number: int = 0) -> tuple[str, str, Any]:
    """An ask of a turn that runs."""
    return HOST, "send", [list(letter), [number, "ask"], []]


def delivered(out: list[Any]) -> list[str]:
    return [payload[1].id for name, payload in out if name == "deliver"]


def answers(out: list[Any]) -> list[Any]:
    return [payload for name, payload in out if isinstance(name, int)]


# -- who pays ----------------------------------------------------------------------------------------


def test_a_caller_whose_recipient_has_no_room_is_refused_before_it_pays():
    site = Site(a_kind("a", mailbox=2), messages=3)
    out = site.send(a_letter("m1"), a_letter("m2"), a_letter("m3"))
    assert answers(out) == [None, None, "MailboxFull"]
    assert site.spent() == 2


def test_of_messages_that_arrive_together_exactly_the_one_that_cannot_be_paid_for_is_refused():
    site = Site(a_kind("a"), a_kind("b"), messages=10)
    site.do((DRIVER, "ledger", ["open", "swarm/kind:a", {"messages": 2}]))
    site.send(a_letter("m1"), a_letter("m2"), a_letter("m3"))
    many = tuple(a_letter(f"s{n}", "b/1", sender="a/1") for n in range(3))
    one, two = (a_letter(f"t{n}", "b/1", sender="a/1") for n in range(2))
    out = site.do(done("m1", sends=(one,)), done("m2", sends=many), done("m3", sends=(two,)))
    refused, events = answers(out), [data for name, data in site.events if name == "dead_letter"]
    assert refused == [None, ["buried"], None]
    assert [event["reason"] for event in events] == ["handler failed"]
    assert site.spent() == 3 + 2
    charges = [row for row in site.disk.rows if row[3] == "ledger.charge"]
    assert len(charges) <= 3  # the driver's three, and what fitted before and after the refusal


def test_a_whole_commit_of_turns_pays_in_one_entry():
    site = Site(a_kind("a"), a_kind("b"), messages=100)
    site.send(*(a_letter(f"m{n}", f"a/{n}") for n in range(5)))
    before = len(site.disk.rows)
    sent = [a_letter(f"s{n}", "b/1", sender=f"a/{n}") for n in range(5)]
    site.do(*(done(f"m{n}", f"a/{n}", sends=(sent[n],)) for n in range(5)))
    kinds = [row[3] for row in site.disk.rows[before:]]
    assert kinds == ["mail.done", "mail.accept"] * 5 + ["ledger.charge", "mail.attempts"]
    assert site.spent() == 10


def test_a_letter_may_be_tried_any_number_of_times_and_the_pause_between_them_grows_up_to_five_seconds():
    site = Site(a_kind("a", attempts=1_100))
    site.send(a_letter("m1"))
    failed = HOST, "commit", list(Turn("m1", "a/1", HOST, 0, "failed"))
    pauses = [answers(site.do(failed))[0] for _ in range(1_099)]
    assert [pause[1] for pause in pauses[:8]] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert pauses[-1] == [AGAIN, 5.0, 1_100, 1_099]
    assert answers(site.do(failed)) == [["buried"]]


# -- what hangs on a turn before ---------------------------------------------------------------------


def test_a_turn_that_ran_ahead_commits_only_after_the_one_it_builds_on():
    site = Site(a_kind("a"))
    site.send(a_letter("m1"), a_letter("m2"), a_letter("m3"))
    bad = Write("trails", "trails.deposit", {"trail": "none", "amounts": {"x": 1.0}})
    ahead = [done("m2", after="m1", state=b"2"), done("m3", after="m2", state=b"3")]
    first, *later = answers(site.do(done("m1", writes=(bad,)), *ahead))
    assert first[0] == AGAIN
    assert later == [[UNDONE, 0.0, 1, 0]] * 2
    assert site.board.machines.mail.states == {}
    assert answers(site.do(done("m1", state=b"1"), *ahead)) == [None, None, None]
    assert site.board.machines.mail.states == {"a/1": b"3"}


def test_what_may_have_run_when_its_host_died_keeps_its_attempt():
    site = Site(a_kind("a"), a_kind("once", attempts=1))
    site.send(*(a_letter(f"{kind}{n}", f"{kind}/1") for kind in ("a", "once") for n in range(3)))
    site.do((DRIVER, "lost", [HOST, "killed"]))
    letters = site.board.machines.mail.letters
    assert [letters[f"a{n}"].attempts for n in range(3)] == [1, 1, 1]
    assert "once0" not in letters  # it may have been the killer, and has had its one attempt
    assert [letters[f"once{n}"].attempts for n in (1, 2)] == [0, 0]


# -- posts -------------------------------------------------------------------------------------------


def test_the_posts_of_a_turn_are_one_entry_that_replays_to_the_same_topic_and_mail():
    site = Site(a_kind("a"), a_kind("b", topics=("news",)))
    site.send(a_letter("m1"))
    posts = Series("news", "a/1", "talk", "m1", "", 1, (), [[n, "Question@1", b"%d" % n] for n in range(1, 5)])
    site.do(done("m1", sends=(posts,)))
    assert [row[3] for row in site.disk.rows].count("topics.series") == 1
    topics, mail = site.board.machines.space.topics, site.board.machines.mail
    assert [post.id for post in topics.read("news", 0)] == [sent_id("m1", n) for n in range(1, 5)]
    site.disk.crash()
    again = Board(MemoryJournal(site.disk), BoardConfig("run", {}), site.now).machines
    assert again.space.topics.read("news", 0) == topics.read("news", 0)
    assert list(again.mail.letters) == list(mail.letters) == [f"{sent_id('m1', n)}.0" for n in range(1, 5)]


# -- who may ask ---------------------------------------------------------------------------------------


def test_a_life_of_a_host_that_is_over_and_one_that_never_was_are_fenced():
    site = Site(a_kind("a"))
    assert isinstance(answers(site.do((HOST, "now", None)))[0], float)
    site.do((DRIVER, "join", ["h", [], 2]))
    asking = (("h.1", "now", None), ("h.3", "now", None), ("g.2", "now", None), ("h", "now", None))
    assert answers(site.do(*asking)) == ["Fenced"] * 4
    assert isinstance(answers(site.do(("h.2", "now", None)))[0], float)


# -- who waits ---------------------------------------------------------------------------------------


def test_a_sender_whose_recipient_is_full_gets_its_answer_when_there_is_room_and_nothing_is_dropped():
    site = Site(a_kind("a"), a_kind("b", mailbox=1))
    site.send(a_letter("m1"), a_letter("b1", "b/1"))
    out = site.do(done("m1", sends=(a_letter("b2", "b/1", sender="a/1"),)))
    assert (answers(out), delivered(out)) == ([], ["b2"])  # committed, and held
    assert answers(site.do(done("b1", "b/1"))) == [None]  # two wait at a bound of one: still full
    assert answers(site.do(done("b2", "b/1"))) == [None, None]
    assert site.board.counts()["dead_letters"] == {}


def test_nobody_waits_for_room_for_what_becomes_a_dead_letter():
    site = Site(a_kind("a"), a_kind("b", mailbox=1))
    site.send(a_letter("m1"), a_letter("b1", "b/1"))
    unknown = a_letter("b2", "b/1", sender="a/1")._replace(type="Unknown@1")
    assert answers(site.do(done("m1", sends=(unknown,)))) == [None]
    assert site.board.counts()["dead_letters"] == {"undeliverable": 1}


def test_nobody_waits_for_room_in_its_own_mailbox():
    site = Site(a_kind("a", mailbox=1))
    site.send(a_letter("m1"))
    mine = tuple(a_letter(f"a{n}", sender="a/1") for n in range(3))
    assert answers(site.do(done("m1", sends=mine))) == [None]
    assert answers(site.do(done("a0", sends=(a_letter("a3", sender="a/1"),)))) == [None]  # two wait at a bound of one


def test_a_sender_is_held_for_half_a_minute_at_most():
    site = Site(a_kind("a"), a_kind("b", mailbox=1))
    site.send(a_letter("m1"), a_letter("b1", "b/1"))
    assert answers(site.do(done("m1", sends=(a_letter("b2", "b/1", sender="a/1"),)))) == []
    for _ in range(5):
        site.do((HOST, "renew", [HOST]))
        assert answers(site.tick((HOLD_S - 1) / 5)) == []
    assert answers(site.tick(1.1)) == [None]


def test_nobody_waits_for_a_recipient_that_waits_to_be_alone():
    site = Site(a_kind("a"), a_kind("b", mailbox=1))
    site.send(a_letter("m1"), a_letter("m2"), a_letter("b1", "b/1"))
    site.do((DRIVER, "lost", [HOST, "by a test"]))
    assert delivered(site.do((DRIVER, "join", ["h", [], 2]))) == ["m1"]  # the others wait until it is through
    again = ("h.2", "commit", list(Turn("m1", "a/1", "h.2", 0, "done", sends=(a_letter("b2", "b/1", sender="a/1"),))))
    assert answers(site.do(again)) == [None]


def test_a_ring_of_asks_through_a_pool_names_the_agent_that_the_pool_chose():
    site = Site(a_kind("a"), a_kind("b"))
    site.send(a_letter("m1"))
    out = site.do(asked(a_letter("q1", "b", "ask", "a/1", cause="m1")))
    assert delivered(out) == ["q1"]
    site.do(asked(a_letter("q2", "a/1", "ask", "b/pool.1", cause="q1")))
    (verdict,) = site.verdicts()
    assert (verdict["reason"], set(verdict["agents"])) == ("deadlock", {"a/1", "b/pool.1"})


# -- whose clock runs --------------------------------------------------------------------------------


def test_the_clock_of_a_turn_starts_when_it_is_at_the_head_of_its_agents_mail():
    site = Site(a_kind("a", turn_timeout_s=10.0))
    site.send(a_letter("m1"), a_letter("m2"))
    site.tick(9)
    site.do(done("m1"))
    site.tick(9)
    assert site.verdicts() == []
    site.tick(2)
    (verdict,) = site.verdicts()
    assert (verdict["reason"], verdict["agents"]) == ("overdue", ["a/1"])
    assert "m2" in verdict["exchange"]


@pytest.mark.parametrize("overdue", ["m1", "m2"])
def test_all_turns_of_a_reentrant_agent_have_their_clocks_running(overdue):
    site = Site(a_kind("a", turn_timeout_s=10.0, reentrant=True))
    site.send(a_letter("m1"), a_letter("m2"))
    site.do(done({"m1": "m2", "m2": "m1"}[overdue]))
    site.tick(11)
    (verdict,) = site.verdicts()
    assert overdue in verdict["exchange"]


@pytest.mark.parametrize(("own_s", "left_s", "given_s"), [(5.0, 30.0, 5.0), (30.0, 5.0, 5.0), (None, 30.0, 30.0)])
def test_a_question_of_a_turn_waits_no_longer_than_whoever_waits_for_the_turn(own_s, left_s, given_s):
    site = Site(a_kind("a"), a_kind("b"))
    own = a_letter("turn", mode="ask")
    site.do((DRIVER, "send", [list(own), None, [], *([] if own_s is None else [own_s])]))
    question = a_letter("q", to="b/1", mode="ask", sender="a/1", cause="turn")
    site.do((HOST, "send", [list(question), [0, "ask"], [], left_s]))
    assert site.board.machines.mail.letters["q"].envelope.deadline == site.now + given_s


@pytest.mark.parametrize("kept", ["reply", "error"])
def test_a_turn_that_begins_anew_and_asks_after_its_answer_has_come_is_told_it_and_nobody_else_is_asked(kept):
    site = Site(a_kind("a"), a_kind("b"))
    site.send(a_letter("turn"))
    question = a_letter("q", to="b/1", mode="ask", sender="a/1", cause="turn")
    site.do(asked(question))
    site.do((DRIVER, "lost", [HOST, "killed by a test"]))
    again = [*site.do((DRIVER, "join", ["h", [], 2])), *site.tick(0.5)]
    assert [(payload[1][0], payload[4]) for name, payload in again if name == "deliver"] == [("turn", ()), ("q", ())]
    answer = a_letter("r", to="a/1", mode=kept, sender="b/1", reply_to="q", cause="q")
    site.do(("h.2", "commit", ["q", "b/1", "h.2", 0, "done", [list(answer)], [], None, None]))
    told = site.do(("h.2", "send", [list(question), [0, "ask"], []]))
    assert [payload[:2] for name, payload in told if name == "reply"] == [["a/1", "q"]]
    assert delivered([*told, *site.tick(4.0)]) == []


def test_a_deadline_that_is_no_number_keeps_nobody_else_from_theirs():
    site = Site(a_kind("a"))
    site.send(a_letter("m1", mode="ask", deadline=float("nan")), a_letter("m2", "a/2", "ask", deadline=site.now + 5))
    for _ in range(2):
        site.send(a_letter("m1", mode="ask", deadline=float("nan")))
    replies = [payload[1] for name, payload in site.tick(6.0) if name == "reply"]
    assert replies == ["m2"]


# -- after a stop ------------------------------------------------------------------------------------


def test_after_a_stop_a_turn_that_sends_nothing_commits_and_one_that_sends_is_refused():
    site = Site(a_kind("a"))
    site.send(a_letter("m1"), a_letter("m2", "a/2"))
    site.do((DRIVER, "stop", ["user", "enough"]))
    sent = a_letter("s1", "a/3", sender="a/1")
    assert answers(site.do(done("m1", sends=(sent,)), done("m2", "a/2"))) == ["SwarmStopped", None]
    assert set(site.board.machines.mail.letters) == {"m1"}
