import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stigmergy.protocols.errors import ModelRefused, ModelUnavailable
from stigmergy.runtime.models import (
    Breaker,
    Circuit,
    ModelRequest,
    Refused,
    ScriptedModel,
    Unavailable,
    cost_of,
    user,
)

ASKED = ModelRequest(model="m", messages=(user("hello"),))
DOWN = Unavailable("down", "unspent", None, 1)


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def ask_in_vain(model, times=1):
    for _ in range(times):
        with pytest.raises(ModelUnavailable):
            await model.complete(ASKED)


async def test_after_five_failures_in_a_row_calls_fail_at_once_and_for_free():
    script = ScriptedModel([DOWN] * 5)
    model = Breaker(script, clock=Clock())
    await ask_in_vain(model, 5)
    with pytest.raises(ModelUnavailable, match=r"failed 5 times in a row; next try in 30\.0 s") as caught:
        await model.complete(ASKED)
    assert cost_of(caught.value).outcome == "unspent"
    assert len(script.asked) == 5


async def test_a_success_between_failures_keeps_the_circuit_closed():
    model = Breaker(ScriptedModel([DOWN] * 4 + ["fine"] + [DOWN] * 4 + ["fine"]), clock=Clock())
    await ask_in_vain(model, 4)
    await model.complete(ASKED)
    await ask_in_vain(model, 4)
    assert (await model.complete(ASKED)).text == "fine"


async def test_a_provider_that_refuses_is_there():
    no = Refused("no", "unspent", None, 1)
    model = Breaker(ScriptedModel([DOWN] * 4 + [no] + [DOWN] * 4 + ["fine"]), clock=Clock())
    await ask_in_vain(model, 4)
    with pytest.raises(ModelRefused):
        await model.complete(ASKED)
    await ask_in_vain(model, 4)
    assert (await model.complete(ASKED)).text == "fine"


async def test_after_the_cooldown_one_probe_decides():
    clock = Clock()
    script = ScriptedModel([DOWN] * 6 + ["fine", "fine"])
    model = Breaker(script, clock=clock)
    await ask_in_vain(model, 5)
    clock.now = 30.0
    await ask_in_vain(model)
    clock.now = 59.0
    await ask_in_vain(model)
    assert len(script.asked) == 6, "the failed probe opened the circuit for another 30 s"
    clock.now = 60.0
    assert (await model.complete(ASKED)).text == "fine"
    assert (await model.complete(ASKED)).text == "fine"


async def test_while_the_probe_is_under_way_nobody_else_passes():
    clock, gate = Clock(), asyncio.Event()

    class Slow(ScriptedModel):
        async def complete(self, request):
            if clock.now:
                await gate.wait()
            return await super().complete(request)

    model = Breaker(Slow([DOWN] * 5 + ["fine"]), clock=clock)
    await ask_in_vain(model, 5)
    clock.now = 30.0
    probe = asyncio.create_task(model.complete(ASKED))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        with pytest.raises(ModelUnavailable, match="under way"):
            await model.complete(ASKED)
    gate.set()
    assert (await probe).text == "fine"


async def test_a_probe_that_is_cancelled_leaves_the_next_call_to_probe():
    clock, gate = Clock(), asyncio.Event()

    class Hanging(ScriptedModel):
        async def complete(self, request):
            if clock.now and not gate.is_set():
                await gate.wait()
            return await super().complete(request)

    model = Breaker(Hanging([DOWN] * 5 + ["fine"]), clock=clock)
    await ask_in_vain(model, 5)
    clock.now = 30.0
    probe = asyncio.create_task(model.complete(ASKED))
    await asyncio.sleep(0)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    gate.set()
    assert (await model.complete(ASKED)).text == "fine"


async def test_a_late_answer_to_an_old_question_does_not_close_an_open_circuit():
    circuit = Circuit(failures=1)
    for _ in range(2):
        assert not circuit.admit(0.0)
    circuit.failed(1.0, probe=False)
    circuit.answered(probe=False)
    with pytest.raises(Unavailable):
        circuit.admit(2.0)


async def test_streams_and_counts_pass_through_the_same_circuit():
    model = Breaker(ScriptedModel([DOWN] * 5), clock=Clock())
    for _ in range(5):
        with pytest.raises(ModelUnavailable):
            async for _ in model.stream(ASKED):
                pass
    with pytest.raises(ModelUnavailable, match="in a row"):
        await model.count_tokens(ASKED)


@given(st.lists(st.sampled_from(["failed", "answered", "dropped", "wait"]), max_size=60), st.integers(1, 5))
def test_an_open_circuit_lets_exactly_one_call_through_for_each_cooldown(events, limit):
    circuit, now, in_a_row, open_until = Circuit(limit, 10.0), 0.0, 0, None
    for event in events:
        if event == "wait":
            now += 4.0
            continue
        try:
            probe = circuit.admit(now)
        except Unavailable:
            assert open_until is not None
            assert now < open_until
            continue
        assert probe == (open_until is not None)
        assert open_until is None or now >= open_until
        if event == "failed":
            circuit.failed(now, probe=probe)
            in_a_row += 1
            open_until = now + 10.0 if probe or in_a_row >= limit else None
        elif event == "answered":
            circuit.answered(probe=probe)
            in_a_row, open_until = 0, None
        else:
            circuit.dropped(probe=probe)
