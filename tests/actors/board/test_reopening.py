"""What a board makes of a past: a driver that runs again is told what it was told, and nothing counts twice."""

from __future__ import annotations

from typing import Any

import pytest

from stigmergy.actors.board.board import Board, BoardConfig
from stigmergy.actors.journal.memory import MemoryDisk, MemoryJournal
from stigmergy.protocols.budget import Spend
from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import JournalError, UsageError
from stigmergy.protocols.errors import pack as pack_error
from stigmergy.protocols.turn import Turn
from stigmergy.runtime.correspondence import Correspondence
from tests.actors.kinds import a_kind

DRIVER = "client/main"
YEAR = 31_536_000.0


class Site:
    """A board over a disk that outlives it."""

    def __init__(self) -> None:
        self.now = 1_790_000_000.0
        self.disk = MemoryDisk()
        self.lives = 0
        self.open()

    def open(self, run: str = "run") -> None:
        self.board = Board(MemoryJournal(self.disk), BoardConfig(run, {}), self.now)
        self.board.commit(self.now)

    def die(self, dead_s: float = YEAR) -> None:
        self.disk.crash()
        self.now += dead_s
        self.open()

    def do(self, name: str, payload: Any = None, peer: str = DRIVER) -> list[tuple[str, str, Any]]:
        """One request in a commit of its own; what goes out, as (peer, name, payload), answers without a name."""
        self.board.handle(peer, 1, name, unpack(pack(payload)), self.now)
        frames, _ = self.board.commit(self.now)
        return [(out.peer, "refused" if out.failed else out.name, out.payload) for out in frames]

    def begin(self) -> list[tuple[str, str, Any]]:
        """A driver comes, with its kinds and one host."""
        self.lives += 1
        out = self.do("resume") if self.lives > 1 else []
        self.do("kind", a_kind("a").to_plain())
        return out + self.do("join", ["h", [], self.lives])

    def send(self, envelope: Envelope) -> list[tuple[str, str, Any]]:
        return self.do("send", [list(envelope), None, []])

    def answer(self, ask: Envelope, agent: str = "a/1") -> list[tuple[str, str, Any]]:
        reply = Envelope("r-" + ask.id, "reply", "Answer@1", agent, DRIVER, b"yes", ask.conversation, ask.id, ask.id)
        host = f"h.{self.lives}"
        turn = Turn(ask.id, agent, host, 0, "done", sends=(reply,))
        return self.do("commit", list(turn), host)

    def spent(self) -> int:
        (_, _, position), *_ = self.do("ledger", ["position", "swarm"])
        return Spend.from_plain(position["settled"]).messages


@pytest.fixture
def site() -> Site:
    site = Site()
    site.begin()
    return site


def ask(site: Site, name: str = "m1", **more: Any) -> Envelope:
    accepts = a_kind("a").accepts[0]
    fields = {"deadline": site.now + 30, **more}
    return Envelope(name, "ask", accepts, DRIVER, "a/1", b"?", "talk-" + name, **fields)


def names(frames):
    return [name for _, name, _ in frames]


def test_what_was_answered_is_answered_again_and_not_paid_again(site):
    question = ask(site)
    site.send(question)
    first = [payload for _, name, payload in site.answer(question) if name == "reply"]
    paid = site.spent()
    site.die()
    site.begin()
    again = [payload for _, name, payload in site.send(question) if name == "reply"]
    assert again == first
    assert site.spent() == paid == 2


def test_an_error_is_told_again_as_well(site):
    question = ask(site)
    site.send(question)
    failed = Turn(question.id, "a/1", "h.1", 0, "failed", error=pack_error(UsageError("no")), retry=False)
    site.do("commit", list(failed), "h.1")
    assert site.board.counts()["dead_letters"] == {"handler failed": 1}
    site.die()
    site.begin()
    (told,) = [payload for _, name, payload in site.send(question) if name == "reply"]
    assert told[2][1:3] == ["error", "UsageError"]
    assert site.board.counts()["dead_letters"] == {"handler failed": 1}


def test_what_is_open_goes_on_as_the_same_attempt_under_no_suspicion_and_takes_no_harm_from_the_time_in_between(site):
    question = ask(site)
    site.send(question)
    site.die()
    delivered = [payload for _, name, payload in site.begin() if name == "deliver"]
    assert [(payload[0], payload[3]) for payload in delivered] == [("a/1", 1)]
    assert not site.board.machines.mail.letters["m1"].suspect
    site.board.tick(site.now + 1)
    assert names(site.send(replace_deadline(question, site.now + 30))) == [""]
    site.board.tick(site.now + 29)
    assert site.board.counts()["waiting"] == 1
    assert "reply" in names(site.answer(question))
    assert site.spent() == 2


def replace_deadline(envelope: Envelope, deadline: float) -> Envelope:
    return envelope._replace(deadline=deadline)


def test_until_hosts_are_back_no_deadline_passes_and_afterwards_the_callers_new_one_holds(site):
    question = ask(site)
    site.send(question)
    site.die()
    site.board.tick(site.now + 3_600)
    assert site.board.counts()["waiting"] == 1
    site.now += 3_600
    site.begin()
    site.send(replace_deadline(question, site.now + 30))
    site.board.tick(site.now + 31)
    frames, _ = site.board.commit(site.now + 31)
    assert [out.payload[2][2] for out in frames if out.name == "reply"] == ["DeadlineExceeded"]


def test_a_request_that_was_refused_is_refused_again_for_nothing(site):
    stray = ask(site)._replace(to="nobody/1")
    assert names(site.send(stray)) == ["refused"]
    paid = site.spent()
    site.die()
    site.begin()
    assert names(site.send(stray)) == ["refused"]
    assert (site.spent(), site.board.counts()["dead_letters"]) == (paid, {"undeliverable": 1})


def test_a_post_and_a_tell_are_taken_once(site):
    post = ask(site, "p1", deadline=0.0)._replace(mode="post", to="news")
    tell = ask(site, "t1", deadline=0.0)._replace(mode="tell")
    for envelope in (post, tell):
        site.send(envelope)
    site.die()
    site.begin()
    for envelope in (post, tell):
        assert names(site.send(envelope)) == [""]
    assert site.spent() == 2
    assert site.board.counts()["waiting"] == 1


def test_a_tell_that_was_handled_is_not_taken_again_by_any_later_life(site):
    tell = ask(site, "t1", deadline=0.0)._replace(mode="tell")
    site.send(tell)
    site.do("commit", list(Turn("t1", "a/1", "h.1", 0, "done")), "h.1")
    for _ in range(2):
        site.die()
        site.begin()
        assert names(site.send(tell)) == [""]
    assert (site.spent(), site.board.counts()["waiting"]) == (1, 0)


def test_what_a_driver_did_to_the_blackboard_comes_to_the_same_and_happens_once(site):
    put = ["facts.put", {"key": "k", "value": 1, "expect": 0}, DRIVER, "op-1:0", ""]
    late = ["facts.put", {"key": "k", "value": 2, "expect": 0}, DRIVER, "op-2:0", ""]
    offer = ["claims.offer", {"queue": "q", "item": "i", "payload": b""}, DRIVER, "op-3:0", ""]
    acts = [put, late, offer]
    first = [site.do("act", one) for one in acts]
    assert [names(frames) for frames in first] == [[""], ["refused"], [""]]
    site.die()
    site.begin()
    before = site.board.counts()["seq"]
    assert [site.do("act", one) for one in acts] == first
    assert site.board.counts()["seq"] == before


def test_a_lease_does_not_end_while_nobody_can_work(site):
    site.do("act", ["claims.offer", {"queue": "q", "item": "i", "payload": b""}, DRIVER, "op-1:0", ""])
    take = ["claims.take", {"queue": "q", "epoch": 0, "lease_s": 30.0}, DRIVER, "op-2:0", ""]
    ((_, _, claim),) = site.do("act", take)
    site.die()
    site.begin()
    site.board.tick(site.now + 1)
    done = site.do("act", ["claims.complete", {"queue": "q", "item": "i", "token": claim[3]}, DRIVER, "op-3:0", ""])
    assert done == [(DRIVER, "", True)]


def test_a_call_whose_answer_was_lost_counts_at_its_worst_case_and_is_named(site):
    worst = Spend(usd=1, model_calls=1)
    site.do("ledger", ["reserve", "call-1", "swarm/kind:a", worst.to_plain(), 600.0], "h.1")
    site.do("ledger", ["reserve", "call-2", "swarm/kind:a", worst.to_plain(), 600.0], "h.1")
    site.do("ledger", ["settle", "call-2", Spend(usd="0.25", model_calls=1).to_plain()], "h.1")
    site.die()
    site.begin()
    counts = site.board.counts()
    assert (counts["reserved"], counts["forfeited"], counts["forfeited_tools"]) == (0, 1, 0)
    position = site.board.machines.treasury.ledger.position("swarm")
    assert (position.settled.nano_usd, position.settled.model_calls) == (1_250_000_000, 2)


def test_the_wall_clock_of_the_budget_goes_on_when_there_is_a_host_again(site):
    site.do("ledger", ["open", "swarm", {"seconds": 100.0}])
    site.now += 20
    site.do("ledger", ["charge", "swarm", {}])
    site.board.tick(site.now)
    site.board.commit(site.now)
    site.die(dead_s=50)
    site.now += 5
    site.do("ledger", ["open", "swarm", {"seconds": 200.0}])
    for _ in range(9):
        site.now += 5
        site.board.tick(site.now)
    site.begin()
    site.now += 3
    site.send(ask(site))
    assert site.board.machines.treasury.ledger.position("swarm").settled.seconds == pytest.approx(23)


def test_no_time_passes_for_any_budget_before_the_first_host_has_joined():
    site = Site()
    site.do("ledger", ["open", "swarm", {"seconds": 100.0}])
    site.now += 30
    site.do("ledger", ["open", "swarm/kind:a", {"seconds": 50.0}])
    for _ in range(9):
        site.now += 5
        site.board.tick(site.now)
    site.begin()
    site.now += 2
    site.do("join", ["h-2", [], 7])
    site.now += 2
    site.do("ledger", ["open", "swarm", {"seconds": 90.0}])
    of = site.board.machines.treasury.ledger.position
    assert [of(account).settled.seconds for account in ("swarm", "swarm/kind:a")] == pytest.approx([4, 4])


def test_a_stop_holds_over_a_restart_and_ends_when_the_driver_comes_back(site):
    question = ask(site)
    site.send(question)
    site.do("stop", ["user", "Ctrl-C"])
    site.die()
    assert site.board.counts()["stopped"] == ["user", "Ctrl-C"]
    assert "deliver" in names(site.begin())
    assert site.board.counts()["stopped"] is None


def test_a_driver_that_comes_back_hears_again_what_agents_told_it(site):
    question = ask(site)
    site.send(question)
    word = Envelope("w1", "tell", "Word@1", "a/1", DRIVER, pack({"n": 1}), question.conversation, question.id)
    site.do("commit", list(Turn(question.id, "a/1", "h.1", 0, "done", sends=(word,))), "h.1")
    site.die()
    assert [payload[1][0] for _, name, payload in site.begin() if name == "letter"] == ["w1"]
    assert [payload for _, name, payload in site.do("heard", 1) if name == "letter"] == []


def test_a_driver_that_lives_is_told_what_the_board_could_not_say_before_it_died(site):
    question = ask(site)
    site.send(question)
    words = tuple(
        Envelope(f"w{n}", "tell", "Word@1", "a/1", DRIVER, pack({"n": n}), question.conversation, question.id)
        for n in range(3)
    )
    turn = list(Turn(question.id, "a/1", "h.1", 0, "done", sends=words))
    first = [payload for _, name, payload in site.do("commit", turn, "h.1") if name == "letter"]
    letters = Correspondence()
    assert [letter[0] for letter in letters.take(*first[0])] == ["w0"]  # the others are lost with the board
    site.die()
    after = [payload for _, name, payload in site.do("heard", letters.heard) if name == "letter"]
    again = [letter[0] for number, letter in (*after, *after) for letter in letters.take(number, letter)]
    assert again == ["w1", "w2"]


def test_letters_that_come_before_those_they_follow_wait_for_them():
    letters = Correspondence()
    assert letters.take(2, "b") == []
    assert letters.take(1, "a") == ["a", "b"]
    assert letters.take(2, "b") == []


def test_a_journal_of_another_seed_or_meaning_is_not_continued(site):
    site.disk.crash()
    with pytest.raises(UsageError, match="another seed"):
        site.open(run="other")
    disk = MemoryDisk()
    journal = MemoryJournal(disk)
    journal.append([("mail.lost", {"host": "h.1", "ids": [], "ran": []})], site.now, journal.take_epoch())
    site.disk = disk
    disk.crash()
    with pytest.raises(JournalError, match="another version of stigmergy"):
        site.open()


def test_a_second_death_before_anybody_came_back_changes_nothing(site):
    question = ask(site)
    site.send(question)
    site.die()
    site.die()
    site.lives += 1
    delivered = [payload for _, name, payload in site.begin() if name == "deliver"]
    assert [(payload[0], payload[3]) for payload in delivered] == [("a/1", 1)]


def test_what_is_asked_before_the_first_host_is_back_keeps_its_deadline(site):
    open_, silent = ask(site), ask(site, "m2")
    site.send(open_)
    site.send(silent)
    site.die(dead_s=1.0)
    site.send(open_)  # the driver has outlived the board, and repeats itself at once
    site.send(ask(site, "m3"))
    site.lives += 1
    site.do("kind", a_kind("a").to_plain())
    site.do("join", ["h", [], site.lives])
    left = {name: letter.envelope.deadline for name, letter in site.board.machines.mail.letters.items()}
    assert left == {"m1": open_.deadline, "m2": 0.0, "m3": site.now + 30}
    site.now += 60
    site.board.tick(site.now)
    assert {"m1", "m3"}.isdisjoint(site.board.machines.mail.asks)
