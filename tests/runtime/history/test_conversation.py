"""One conversation: what stands with which message."""

from __future__ import annotations

from stigmergy.protocols.budget import Spend
from stigmergy.protocols.codec import pack
from stigmergy.protocols.ids import derive_id
from stigmergy.runtime.history.conversation import Change, Conversation

from .entries import Book, message

WORST = {"nano_usd": 900, "tokens": 90, "model_calls": 1}
ACTUAL = {"nano_usd": 100, "tokens": 10, "model_calls": 1}
ACCOUNT = "swarm/kind:scout/agent:scout~1/conversation:c"


def begun() -> Book:
    """A message that scout/1 has."""
    book = Book()
    book.accept(message("m"))
    book.attempt("m", "scout/1")
    return book


def reserve(book: Book, turn: str, step: int, attempt: int) -> str:
    """As the desk names it: the step is counted before the call."""
    op = derive_id(turn, step, attempt, "host-1.1", "model")
    book.add("ledger.reserve", op=op, account=ACCOUNT, worst=WORST, lease_s=60.0, now=1.0)
    return op


def node_of(book: Book, id_: str = "m"):
    return Conversation.of("c", book.entries).nodes[id_]


def test_a_model_call_stands_with_the_turn_the_step_and_the_attempt_that_made_it():
    book = begun()
    book.add("ledger.release", op=reserve(book, "m", 2, 1))
    book.add("mail.again", id="m", error="overloaded")
    op = reserve(book, "m", 2, 2)
    book.add("ledger.settle", op=op, actual=ACTUAL, now=1.0)
    book.add("mail.step", turn="m", step=[2, "model:writer:0f", {"model": "large-1"}])
    first, second = node_of(book).calls
    assert (first.outcome, first.attempt, first.spent) == ("released", 1, Spend())
    assert (second.outcome, second.attempt, second.step) == ("settled", 2, 2)
    assert (second.role, second.model, second.spent) == ("writer", "large-1", Spend.from_plain(ACTUAL))


def test_a_tool_call_stands_with_its_name_and_is_told_once():
    book = begun()
    for step, key in enumerate(["tool:look_up:0f", "tool:credit:1e"]):
        op = derive_id("m", step, 1, "host-1.1", "tool")
        book.add("ledger.reserve", op=op, account=ACCOUNT, worst={"tool_calls": 1}, lease_s=60.0, now=1.0)
        if step:
            book.add("mail.step", turn="m", step=[step, key, {"tool": "credit"}, "intended"])
        book.add("ledger.settle", op=op, actual={"tool_calls": 1}, now=1.0)
        book.add("mail.step", turn="m", step=[step, key, {}, "done" if step else ""])
    node = node_of(book)
    assert [(call.what, call.role, call.step) for call in node.calls] == [("tool", "look_up", 0), ("tool", "credit", 1)]
    assert (node.steps, node.spent.tool_calls) == ([], 2)


def test_a_model_call_is_not_named_after_the_tool_that_another_attempt_called_at_that_step():
    book = begun()
    book.add("ledger.release", op=reserve(book, "m", 0, 1))
    book.add("mail.again", id="m", error="overloaded")
    op = derive_id("m", 0, 2, "host-1.1", "tool")
    book.add("ledger.reserve", op=op, account=ACCOUNT, worst={"tool_calls": 1}, lease_s=60.0, now=1.0)
    book.add("mail.step", turn="m", step=[0, "tool:credit:1e", {"tool": "credit"}, "intended"])
    calls = [(call.what, call.attempt, call.role) for call in node_of(book).calls]
    assert calls == [("model", 1, ""), ("tool", 2, "credit")]


def test_a_call_is_named_by_its_own_attempt_alone():
    book = begun()
    for attempt, role in enumerate(["writer", "critic"], 1):
        book.add("ledger.settle", op=reserve(book, "m", 0, attempt), actual=ACTUAL, now=1.0)
        book.add("mail.step", turn="m", step=[0, f"model:{role}:0f", {"model": role}])
        if attempt == 1:
            book.add("mail.again", id="m", error="overloaded")
    assert [(call.attempt, call.role, call.model) for call in node_of(book).calls] == [
        (1, "writer", "writer"),
        (2, "critic", "critic"),
    ]


def test_a_tool_call_that_a_person_has_settled_is_told_without_one_that_was_paid():
    book = begun()
    book.add("mail.step", turn="m", step=[0, "tool:credit:1e", {}])
    assert (node_of(book).calls, node_of(book).steps) == ([], ["credit"])


def test_an_orphaned_call_counts_at_its_worst_case():
    book = begun()
    book.add("ledger.expire", ops=[reserve(book, "m", 0, 1)], now=99.0)
    assert node_of(book).spent == Spend.from_plain(WORST)


def test_two_turns_of_one_agent_at_once_pay_for_their_own_calls():
    book = begun()
    book.accept(message("n"))
    book.attempt("n", "scout/1")
    book.add("ledger.settle", op=reserve(book, "n", 0, 1), actual=ACTUAL, now=1.0)
    found = Conversation.of("c", book.entries)
    assert (len(found.nodes["m"].calls), len(found.nodes["n"].calls)) == (0, 1)
    assert found.spent == Spend.from_plain(ACTUAL)


def test_calls_of_other_conversations_are_not_counted():
    book = begun()
    op = derive_id("m", 0, 1, "host-1.1", "model")
    book.add("ledger.reserve", op=op, account=ACCOUNT.replace(":c", ":d"), worst=WORST, lease_s=1.0, now=1.0)
    assert node_of(book).calls == []


def test_a_change_at_once_names_its_turn():
    book = begun()
    book.add("facts.write", op="m:3", writer="scout/1", changes=[["found", pack("gold")], ["lost", None]])
    book.add("trails.deposit", op="m:4", trail="path", amounts={"a": 1.0}, now=1.0)
    assert node_of(book).changes == [
        Change("fact", "found", "gold"),
        Change("fact", "lost", None),
        Change("trail", "path", {"a": 1.0}),
    ]


def test_a_change_without_a_name_belongs_to_the_turn_that_has_just_committed():
    book = begun()
    book.done("m")
    book.add("facts.write", op="", writer="scout/1", changes=[["found", pack(1)]])
    book.add("trails.blend", op="", trail="path", keys=["a"], toward=1.0, rate=0.5, now=1.0)
    book.accept(message("other", conversation="d"))
    book.attempt("other", "scout/2")
    book.done("other")
    book.add("facts.write", op="", writer="scout/2", changes=[["not ours", pack(1)]])
    blend = {"keys": ["a"], "toward": 1.0, "rate": 0.5}
    assert node_of(book).changes == [Change("fact", "found", 1), Change("trail", "path", blend)]


def test_an_answer_stands_with_its_question():
    book = Book()
    book.accept(message("q", mode="ask"))
    book.attempt("q", "scout/1")
    book.done("q")
    book.add("mail.reply", e=message("a", "scout/1", "client/main", mode="reply", cause="q", reply_to="q").to_wire())
    node = node_of(book, "q")
    assert node.answer is not None
    assert (node.answer.id, node.seconds) == ("a", 2.0)


def test_deliveries_of_a_post_stand_below_it():
    book = begun()
    book.done("m")
    book.post(message("p", "scout/1", "news", mode="post", cause="m"), "guard", "guard/2")
    found = Conversation.of("c", book.entries).nodes
    assert {id_: node.parent for id_, node in found.items()} == {"m": "", "p": "m", "p.0": "p", "p.1": "p"}


def test_a_refused_message_is_there_with_its_reason():
    book = begun()
    book.bury(message("r", "scout/1", "nobody/1", cause="m"), "undeliverable")
    book.bury(message("elsewhere", conversation="d"), "undeliverable")
    found = Conversation.of("c", book.entries).nodes
    assert list(found) == ["m", "r"]
    assert found["r"].refused is not None
    assert found["r"].refused.reason == "undeliverable"


def test_verdicts_about_it_are_kept():
    book = begun()
    verdict = {"action": "warn", "reason": "ping_pong", "agents": [], "exchange": "", "count": 3, "advice": ""}
    book.add("watch.verdict", conversation="c", **verdict)
    book.add("watch.verdict", conversation="d", **verdict)
    assert len(Conversation.of("c", book.entries).verdicts) == 1
