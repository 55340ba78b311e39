"""A parcel in C: written and read as in Python, and whatever bytes come end in letters or in one error."""

from __future__ import annotations

import copy
import gc
import re
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.actors.mesh import inbox, quick, reader, writer
from stigmergy.actors.mesh.bodies import Bodies
from stigmergy.actors.mesh.inbox import Inbox
from stigmergy.actors.mesh.intake import Inquiry
from stigmergy.actors.mesh.talks import Talks
from stigmergy.actors.mesh.wire import Answer
from stigmergy.actors.mesh.writer import Writer
from stigmergy.actors.volatile.asked import UNTIL_ACCEPTED, Asked
from stigmergy.actors.volatile.letter import Letter, Talk
from stigmergy.actors.volatile.slot import Slot
from stigmergy.protocols import Message
from stigmergy.protocols.codec import pack, unpack
from stigmergy.protocols.errors import Malformed

pytestmark = pytest.mark.skipif(quick.parcels is None, reason="there was no compiler where this was installed")

KINDS = ("red", "green")
NAMES = [f"kind/{n}" for n in range(4)]


class Red(Message):
    text: str
    n: int | None = None


class Green(Message):
    words: list[str] = []


class End:
    """One end of a link to `other`: what it has sent, and what has come."""

    def __init__(self) -> None:
        known = Bodies((Red, Green))
        self.tickets = 0
        self.writer = Writer(known, self._ticket, Talks().meet, lambda letter: [letter.number], 6)
        self.came: list[Any] = []
        part = SimpleNamespace(bound=2)
        self.slots = {name: Slot(name, part) for name in NAMES[:2]}  # type: ignore[arg-type]
        self.slots[NAMES[1]].mail = []  # type: ignore[assignment]
        office = SimpleNamespace(
            find=lambda to: SimpleNamespace(name=to), put=self._put, topic=lambda name: name, spread=self._put
        )
        guard = SimpleNamespace(arrived=lambda sent, chain, _: self.came.append(("chain", look(sent.letter), chain)))
        host = SimpleNamespace(
            now=lambda: 100.0, places=self.slots, arrivals=self, wake=lambda: None, office=office, guard=guard,
            parts={}, board=SimpleNamespace(tell=lambda *said: self.came.append(said)),
        )  # fmt: skip
        peer = SimpleNamespace(name="other", answered=self.came.append, answer=lambda *said: self.came.append(said))
        self.inbox = Inbox(host, peer, known, Talks(), None)  # type: ignore[arg-type]

    def append(self, pair: tuple[Any, Letter]) -> None:
        self._put(*pair)

    def _put(self, place: Any, letter: Letter) -> None:
        self.came.append((getattr(place, "name", place), look(letter)))

    def _ticket(self, _: object) -> int:
        self.tickets += 1
        return self.tickets


def look(letter: Letter) -> list[Any]:
    """All that can be told of a letter."""
    asked = letter.asked
    waits = None if asked is None else (type(asked), asked.deadline, asked._ticket)  # type: ignore[attr-defined]
    return [type(letter), letter.message, letter.talk.parts, *letter[1:3], *letter[4:8], waits, letter.topic]


SOUND = st.one_of(
    st.builds(Red, text=st.text(max_size=5), n=st.one_of(st.none(), st.integers(-5, 2**40))),
    st.builds(Green, words=st.lists(st.text(max_size=3), max_size=2)),
)
MESSAGES = st.one_of(SOUND, st.just(Red.model_construct(text=5, n=1)))
TALKS = [Talk("run", "client/main", n) for n in range(2)]
DEADLINES = st.sampled_from([None, UNTIL_ACCEPTED, 0.0, 99.0, 130.5])


BASE = {"sender": NAMES[0], "talk": TALKS[0], "causer": NAMES[1], "cause": 70_000, "hops": 3, "taint": (), "topic": ""}
OTHER = {"sender": NAMES[1], "talk": TALKS[1], "causer": "", "cause": 0, "hops": 4, "taint": ("user",), "topic": "news"}
HEADS = [BASE, OTHER, *({**BASE, name: value} for name, value in OTHER.items())]
"""What letters of one turn have in common; all but two differ from the first in one thing alone."""


@st.composite
def outgoing(draw: st.DrawFn, *, odd: bool = True) -> tuple[str, Letter]:
    """A letter and its recipient; an odd one may be deep in a chain, or not fit its class."""
    deadline = draw(DEADLINES)
    asked = None
    if deadline is not None:
        asked = Asked()
        asked.deadline = deadline
    message = draw(MESSAGES if odd else SOUND)
    head = {**draw(st.sampled_from(HEADS)), **({"hops": 7} if odd and draw(st.booleans()) else {})}
    letter = Letter(message=message, number=draw(st.integers(1, 10**6)), asked=asked, **head)  # type: ignore[arg-type]
    return draw(st.sampled_from(["", *NAMES])), letter


ONE_ANSWER = st.tuples(st.integers(1, 9), SOUND, st.sampled_from([(), ("web",)]))
ANSWERS: st.SearchStrategy[list[Answer]] = st.lists(ONE_ANSWER, max_size=3)
PARCELS = st.lists(
    st.tuples(st.one_of(st.lists(outgoing(odd=False), max_size=8), st.lists(outgoing(), max_size=8)), ANSWERS),
    min_size=1,
    max_size=3,
)


def through(parcels: Any) -> tuple[list[bytes], str]:
    """What goes over the wire, and what comes of it."""
    here, there, sent = End(), End(), []
    for letters, answers in parcels:
        data = pack(here.writer.parcel(list(letters), list(answers), 100.0).payload)
        sent.append(data)
        there.inbox.take(unpack(data))
    return sent, repr(there.came)


def in_python(call: Any, *arguments: Any) -> Any:
    """What comes of a call when everything is done in Python."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (writer, reader, inbox):
            patch.setattr(module, "parcels", None)
        return call(*arguments)


@given(PARCELS)
def test_letters_and_answers_cross_in_c_as_they_do_in_python(parcels: Any):
    assert through(parcels) == in_python(through, parcels)


WRONG = st.one_of(st.none(), st.booleans(), st.integers(-3, 99), st.just(2**80), st.just("x"), st.just([]), st.floats())


def spoiled(draw: st.DrawFn, value: Any, depth: int) -> Any:
    """A payload of which one part is something else, or has gone, or is there twice."""
    if type(value) is not list or not value or depth == 0:
        return draw(WRONG)
    place = draw(st.integers(0, len(value) - 1))
    how = draw(st.sampled_from(["within", "within", "within", "gone", "twice"]))
    if how == "within":
        return [*value[:place], spoiled(draw, value[place], depth - 1), *value[place + 1 :]]
    return [*value[:place], *([value[place]] * 2 if how == "twice" else []), *value[place + 1 :]]


@st.composite
def spoiled_payloads(draw: st.DrawFn) -> Any:
    letters = draw(st.lists(outgoing(odd=draw(st.booleans())), min_size=1, max_size=4))
    payload = End().writer.parcel(letters, draw(ANSWERS), 100.0).payload
    return spoiled(draw, unpack(pack(payload)), draw(st.integers(1, 4)))


def outcome(payload: Any) -> str:
    end = End()
    try:
        end.inbox.take(copy.deepcopy(payload))
    except Malformed:
        return "half delivered" if end.came else "malformed"
    except Exception as error:  # noqa: BLE001 - what Python runs into, too
        return type(error).__name__
    return re.sub("0x[0-9a-f]+|[0-9a-f]{32}", "", repr(end.came))


@given(spoiled_payloads())
def test_whatever_comes_ends_in_letters_or_in_one_error_with_nothing_delivered(payload: Any):
    in_c, by_python = outcome(payload), in_python(outcome, payload)
    assert in_c in ("malformed", by_python)


def test_parcels_leave_nothing_behind():
    asked = Asked()
    asked.deadline = 130.0
    text = "a" * 50
    letters = [
        (name, Letter(Red(text=text), "kind/9", n + 1, TALKS[0], "", 0, 0, ("web",), None if n % 2 else asked, ""))
        for n, name in enumerate(NAMES * 3)
    ]
    here, there, counts = End(), End(), []
    for _ in range(4):
        there.inbox.take(unpack(pack(here.writer.parcel(list(letters), [], 100.0).payload)))
        there.came.clear()
        gc.collect()
        known = sum(type(each) in (Letter, Red, Inquiry) for each in gc.get_objects())
        counts.append([known, *(sys.getrefcount(each) for each in (text, asked, TALKS[0], letters[0][1], Red, Letter))])
    assert counts[1] == counts[2] == counts[3]
