"""What a review found broken, so that it stays mended. On the local engine."""

from __future__ import annotations

import pytest

from stigmergy.protocols import HandlerFailed, Malformed, Message, StigmergyError, UsageError
from stigmergy.runtime import Agent, Context, State, Swarm, handles


class Order(Message):
    text: str = ""
    raw: bytes = b""


class Tally(State):
    n: int = 0


class Refused(Agent):
    """Counts, and on request does what the board refuses."""

    state: Tally

    @handles
    def count(self, order: Order, ctx: Context) -> Order:
        self.state.n += 1
        if order.text == "refused":
            ctx.deposit("no-such-trail", {"a": 1.0})
        return Order(text=str(self.state.n))


class Plain(Agent):
    """Answers with what it was told, and with its marks."""

    @handles
    def say(self, order: Order, ctx: Context) -> Order:
        return Order(text=",".join(ctx.taint), raw=order.raw)


class Marker(Agent):
    """Marks itself, then asks."""

    @handles
    async def say(self, order: Order, ctx: Context) -> Order:
        ctx.mark("web")
        return await ctx.ask("plain", order, reply=Order)


class Careless(Agent):
    """Does what cannot be recorded, or raises what ends a process."""

    attempts = 1

    @handles
    async def say(self, order: Order, ctx: Context) -> Order:
        if order.text == "exit":
            raise SystemExit(3)
        if order.text == "interrupt":
            raise KeyboardInterrupt
        if order.text == "timeout":
            raise TimeoutError("of its own")
        await ctx.run("set", lambda: {1, 2})
        return order


@pytest.fixture
async def swarm():
    async with Swarm(engine="local") as running:
        for kind in (Refused, Plain, Marker, Careless):
            running.add(kind)
        yield running


async def test_the_state_of_a_turn_that_was_refused_never_becomes_true(swarm):
    assert (await swarm.ask("refused/1", Order(), reply=Order, timeout_s=5)).text == "1"
    with pytest.raises(UsageError):
        await swarm.ask("refused/1", Order(text="refused"), reply=Order, timeout_s=5)
    assert (await swarm.ask("refused/1", Order(), reply=Order, timeout_s=5)).text == "2"


async def test_marks_join_over_an_ask(swarm):
    assert (await swarm.ask("marker", Order(), reply=Order, timeout_s=5)).text == "user,web"


async def test_bytes_arrive_as_they_were_sent(swarm):
    assert (await swarm.ask("plain", Order(raw=b"hello\xff"), reply=Order, timeout_s=5)).raw == b"hello\xff"


async def test_a_result_that_cannot_be_recorded_fails_its_own_turn_only(swarm):
    with pytest.raises(Malformed, match="can not serialize 'set'"):
        await swarm.ask("careless", Order(), reply=Order, timeout_s=5)
    assert (await swarm.ask("plain", Order(raw=b"x"), reply=Order, timeout_s=5)).raw == b"x"


async def test_a_driver_that_writes_what_cannot_be_encoded_hears_so_and_goes_on(swarm):
    with pytest.raises(StigmergyError, match="can not serialize 'set'"):
        await swarm.facts.put("a", {1, 2})
    assert await swarm.facts.put("a", [1, 2]) == 1


@pytest.mark.parametrize(
    ("order", "said"),
    [("exit", "SystemExit: 3"), ("interrupt", "KeyboardInterrupt"), ("timeout", "TimeoutError: of its own")],
)
async def test_whatever_a_handler_raises_fails_its_turn_and_nothing_else(swarm, order, said):
    with pytest.raises(HandlerFailed, match=said):
        await swarm.ask("careless", Order(text=order), reply=Order, timeout_s=5)
    assert (await swarm.ask("plain", Order(raw=b"x"), reply=Order, timeout_s=5)).raw == b"x"


async def test_a_hook_that_raises_does_not_deafen_the_driver(swarm, capsys):
    def bad(_name, _data):
        raise RuntimeError("hook")

    swarm.on_event(bad)
    for _ in range(6):
        with pytest.raises(HandlerFailed):
            await swarm.ask("careless", Order(text="timeout"), reply=Order, timeout_s=5)
    assert (await swarm.ask("plain", Order(raw=b"x"), reply=Order, timeout_s=5)).raw == b"x"
    assert "event_hook_failed" in capsys.readouterr().out
