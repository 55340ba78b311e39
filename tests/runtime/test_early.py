"""A driver that has come back keeps answers for what it will ask again, and no others."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from stigmergy.actors.clock import Clock
from stigmergy.actors.transport.link import PeerGone
from stigmergy.protocols import DeadlineExceeded, Message
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.message import encode
from stigmergy.runtime import Agent, handles
from stigmergy.runtime import client as runtime_client
from stigmergy.runtime.client import Client
from stigmergy.runtime.early import MOST, EarlyAnswers

from .town import Town

GATE: dict[str, asyncio.Event] = {}


class Wait(Message):
    text: str


class Waited(Message):
    text: str


class Waiter(Agent):
    """Answers when it is let."""

    @handles
    async def wait(self, wait: Wait) -> Waited:
        GATE["there"].set()
        await GATE["let"].wait()
        return Waited(text=wait.text)


def an_answer(ask: str) -> Envelope:
    return Envelope("r", "reply", "T@1", "a/1", "client/main", b"", "talk", reply_to=ask)


async def an_earlier_life(journal: Path) -> None:
    """One that ends while an ask of it is open."""
    GATE.update(there=asyncio.Event(), let=asyncio.Event())
    async with Town(Waiter, journal=journal) as town:
        before = town.begin("waiter/earlier", Wait(text="a"), Waited)
        await GATE["there"].wait()
    await asyncio.gather(before, return_exceptions=True)


async def waiting(town: Town, number: int) -> None:
    async with asyncio.timeout(10):
        while (await town.request("counts"))["waiting"] != number:
            pass  # each look lets the others go on


async def test_late_answers_are_not_kept_beside_those_of_an_earlier_life(tmp_path):
    await an_earlier_life(tmp_path / "journal.db")
    async with Town(Waiter, journal=tmp_path / "journal.db") as town:
        client = town._client
        await client.come_back()
        asked = [town.begin(f"waiter/{number}", Wait(text="b"), Waited) for number in range(5)]
        await waiting(town, 6)
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        GATE["let"].set()
        await waiting(town, 0)
        assert client._early is not None
        assert len(client._early) == 1
        assert (await town.ask("waiter/earlier", Wait(text="a"), Waited)).text == "a"
        assert len(client._early) == 0


async def test_an_answer_that_comes_while_the_way_of_its_question_is_looked_for_is_not_lost(tmp_path, monkeypatch):
    await an_earlier_life(tmp_path / "journal.db")
    async with Town(Waiter, journal=tmp_path / "journal.db") as town:
        await town._client.come_back()
        line_for = town._client.shards.line_for

        async def slow(envelope):
            line = await line_for(envelope)
            GATE["let"].set()
            await waiting(town, 0)
            return line

        monkeypatch.setattr(town._client.shards, "line_for", slow)
        async with asyncio.timeout(5):
            assert (await town.ask("waiter/earlier", Wait(text="a"), Waited)).text == "a"


def test_of_what_was_given_up_and_is_never_answered_the_newest_is_remembered():
    early = EarlyAnswers()
    for number in range(2 * MOST):
        early.give_up(f"ask {number}")
    assert len(early._given_up) == MOST
    early.keep(f"ask {2 * MOST - 1}", an_answer("late"))
    assert len(early) == 0


def test_what_is_asked_again_after_it_was_given_up_gets_its_answer():
    early = EarlyAnswers()
    early.give_up("ask")
    assert early.take("ask") is None
    early.keep("ask", an_answer("ask"))
    assert early.take("ask") == an_answer("ask")


async def test_an_ask_whose_acceptance_took_too_long_is_given_up_too(tmp_path, monkeypatch):
    async with Town(Waiter, journal=tmp_path / "journal.db") as town:
        client = town._client
        await client.come_back()
        line = client.shards.lines[0]
        board, line.board = line.board, None  # nobody takes anything in
        monkeypatch.setattr(runtime_client, "GRACE_S", 0.0)
        with pytest.raises(DeadlineExceeded, match="waiter/1 did not answer Wait@1 within 0.01 s"):
            await client.ask("waiter/1", "Wait@1", encode(Wait(text="a")), 0.01, ())
        line.board = board
        assert client._early is not None
        assert len(client._early._given_up) == 1


async def test_coming_back_is_tried_again_after_it_failed_and_is_done_once(monkeypatch):
    client = Client("client/main", "run", lambda *_: None, Clock())
    said: list[str] = []

    async def call(request, payload=None):
        said.append(request)
        if len(said) == 1:
            raise DeadlineExceeded("the board did not answer")

    monkeypatch.setattr(client, "call", call)
    with pytest.raises(DeadlineExceeded):
        await client.come_back()
    early = client._early
    await asyncio.gather(client.come_back(), client.come_back())
    assert said == ["resume", "resume"]
    assert client._early is early


async def test_a_request_whose_way_was_not_found_leaves_its_name_to_the_next_like_it(monkeypatch):
    client = Client("client/main", "run", lambda *_: None, Clock(), 2)
    lost = iter([DeadlineExceeded("no answer"), asyncio.CancelledError(), PeerGone("the end")])
    seen: list[str] = []

    async def line_for(envelope):
        seen.append(envelope.id)
        raise next(lost)

    monkeypatch.setattr(client.shards, "line_for", line_for)
    for how in (DeadlineExceeded, asyncio.CancelledError, PeerGone):
        with pytest.raises(how):
            await client.ask("waiter/1", "Wait@1", b"", 1.0, ())
    assert len(set(seen)) == 1
