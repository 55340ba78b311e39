"""The network between simulated processes: calls that are late, lost, doubled or out of order.

The rule of this file: a call ends as a Ray call may end. It returns; or it is `PeerUnavailable`,
and nobody knows whether it ran; or it is `PeerGone`, and the process has ended.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any

from stigmergy.actors.transport.link import PeerGone, PeerUnavailable

from .loop import ProcessLoop, Timeline

CALL_TIMEOUT_S = 30.0
BLINK_S = 0.02
"""How soon a caller hears that its call was lost, when Ray notices."""

Work = Coroutine[Any, Any, Any]
"""What a call does in the other process."""


@dataclass
class Weather:
    """How likely a call is to be hit, while it lasts."""

    drop: float = 0.0
    """The request is lost, or the answer to it: half and half."""
    double: float = 0.0
    late: float = 0.0
    """So late that others overtake it."""


class Network:
    """Carries calls from process to process."""

    def __init__(self, timeline: Timeline, random: Random, struck: Counter[str]) -> None:
        self.weather = Weather()
        self._timeline = timeline
        self._random = random
        self._struck = struck
        self._cut: set[frozenset[str]] = set()

    def cut(self, one: str, other: str) -> None:
        """Partition two processes."""
        self._cut.add(frozenset((one, other)))

    def mend(self) -> None:
        """Everybody reaches everybody."""
        self._cut.clear()

    def later(self, delay: float, what: Callable[[], None]) -> None:
        """Do something after a delay."""
        self._timeline.after(delay, what)

    async def call(
        self,
        source: ProcessLoop,
        target: ProcessLoop,
        work: Callable[[], Work],
        timeout_s: float = CALL_TIMEOUT_S,
        *,
        may_double: bool = False,
    ) -> Any:
        """Run ``work`` in another process; twice perhaps, if it is made for that.

        Raises: PeerUnavailable, PeerGone, and what the work raised.
        """
        call = _Call(source.create_future(), source)
        timer = source.call_later(timeout_s, call.run_out, target.name)
        try:
            self._send(call, target, work, may_double=may_double)
            return await call.answer
        finally:
            timer.cancel()
            target.on_end.pop(call, None)

    def _send(self, call: _Call, target: ProcessLoop, work: Callable[[], Work], *, may_double: bool) -> None:
        draw, weather = self._random.random, self.weather
        if self._are_cut(call.source, target):
            self._struck["cut off"] += 1
            self._lose(call, target)
            return
        lost = draw() < weather.drop
        if lost and draw() < 0.5:
            self._struck["request lost"] += 1
            self._lose(call, target)
            return
        if lost:
            self._struck["answer lost"] += 1
        self._arrive(call, target, work, lost=lost)
        if draw() < weather.double and may_double:
            self._struck["doubled"] += 1
            self._arrive(_Call(call.source.create_future(), call.source), target, work, lost=True)

    def _arrive(self, call: _Call, target: ProcessLoop, work: Callable[[], Work], *, lost: bool) -> None:
        latency = self._latency()
        if not target.alive:
            call.fail(PeerGone(f"{target.name} has ended"), latency + BLINK_S)
            return
        target.on_end[call] = lambda: call.fail(PeerGone(f"{target.name} ended"), BLINK_S)
        target.call_later(latency, lambda: self._go_on(call, target, work(), lost=lost))

    def _go_on(self, call: _Call, target: ProcessLoop, work: Work, *, lost: bool) -> None:
        """Step the work to where it waits. No task does that: most work never waits, and none asks for its task."""
        settle: Callable[[Any, float], None] = call.succeed
        try:
            awaited = work.send(None)
        except StopIteration as end:
            value = end.value
        except Exception as error:  # noqa: BLE001 - an error is an answer too
            settle, value = call.fail, error
        else:
            awaited.add_done_callback(lambda _: self._go_on(call, target, work, lost=lost))
            return
        if lost or self._are_cut(call.source, target):
            self._lose(call, target)
        else:
            settle(value, self._latency())

    def _are_cut(self, one: ProcessLoop, other: ProcessLoop) -> bool:
        return bool(self._cut) and frozenset((one.name, other.name)) in self._cut

    def _lose(self, call: _Call, target: ProcessLoop) -> None:
        delay = BLINK_S if self._random.random() < 0.7 else self._random.uniform(BLINK_S, 3.0)
        call.fail(PeerUnavailable(f"{target.name} did not confirm"), delay)

    def _latency(self) -> float:
        draw = self._random.random()
        if draw < self.weather.late:
            self._struck["late"] += 1
            return 0.01 + float(10.0 ** self._random.uniform(-2, 0))
        return 0.0004 + 0.0012 * draw


class _Call:
    """A call that its source waits for."""

    def __init__(self, answer: asyncio.Future[Any], source: ProcessLoop) -> None:
        self.answer = answer
        self.source = source

    def succeed(self, value: Any, delay: float) -> None:
        self.source.call_later(delay, self._succeed, value)

    def fail(self, error: BaseException, delay: float) -> None:
        self.source.call_later(delay, self._fail, error)

    def run_out(self, target: str) -> None:
        """Its time is over."""
        self._fail(PeerUnavailable(f"{target} did not answer in time"))

    def _succeed(self, value: Any) -> None:
        if not self.answer.done():
            self.answer.set_result(value)

    def _fail(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()
