"""Turns that want to commit: everything they did becomes true together, or nothing does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stigmergy.protocols.errors import (
    BudgetExhausted,
    Fenced,
    HandlerFailed,
    StigmergyError,
    SwarmStopped,
    pack,
    unpack,
)
from stigmergy.protocols.series import Series
from stigmergy.protocols.turn import AGAIN, BURIED, HELD, UNDONE, Step, Turn

from ..failing import pause_s
from .cases import Cases
from .cashier import Cashier
from .clerk import Clerk
from .letter import Letter
from .machines import CLIENT, Machines
from .outsiders import Outsiders
from .press import Press
from .pressure import Pressure
from .scatter import Scatter
from .treasury import PARKED


class Turns:
    """Commits turns, starts failed ones over, and buries those that will not do."""

    def __init__(
        self,
        machines: Machines,
        clerk: Clerk,
        press: Press,
        cashier: Cashier,
        pressure: Pressure,
        cases: Cases,
        outsiders: Outsiders,
    ) -> None:
        self._m = machines
        self._clerk = clerk
        self._press = press
        self._cashier = cashier
        self._scatter = Scatter(machines)
        self._pressure = pressure
        self._cases = cases
        self._outsiders = outsiders
        self._last: dict[str, str] = {}
        """By agent whose host has more of its mail: the letter that committed last. A turn may build on that one."""
        self.requests: dict[str, Callable[[str, int, Any], Any]] = {
            "commit": lambda peer, ticket, a: self.commit(Turn.from_wire(a), peer, ticket),
            "step": self.record,
            "leave": self.leave,
        }

    def commit(self, turn: Turn, peer: str, ticket: int) -> Any:
        """End a turn.

        Answers None when it committed, ``[AGAIN, after_s, attempt, round]`` to start it over, ``[HELD]`` when it waits
        for a person, ``[BURIED]`` when its message is dead, ``[UNDONE, 0, attempt, round]`` when the turn that it
        builds on has not committed.

        Raises: Fenced when the turn is not this host's any more; SwarmStopped.
        """
        letter = self.owned(turn.message, turn.host)
        if turn.after and self._last.get(turn.agent) != turn.after:
            return [UNDONE, 0.0, letter.attempts, letter.round]
        if turn.outcome != "done" and letter.doubt is not None:
            self._cases.hold(turn.message)
            return [HELD]
        if turn.outcome != "done":
            return self._failed(turn, letter)
        try:
            self._check(turn)
        except BudgetExhausted as error:
            return self._failed(turn._replace(error=pack(error), retry=False), letter)
        except SwarmStopped:
            raise
        except StigmergyError as error:
            return self._failed(turn._replace(error=pack(error)), letter)
        full = self._pressure.full(turn.sends)
        self._carry_out(turn, letter)
        if full:
            self._pressure.hold(peer, ticket, full)
            return PARKED
        return None

    def record(self, host: str, _ticket: int, payload: list[Any]) -> None:
        """Keep steps of a turn before their results are used. Raises: Fenced, Oversized."""
        message, wired = payload
        self.owned(message, host)
        mail, steps = self._m.mail, [Step(*one) for one in wired]
        for step, weight in zip(steps, mail.weigh(message, steps), strict=True):
            mail.step(message, step, weight)

    def leave(self, host: str, _ticket: int, payload: list[Any]) -> None:
        """A turn goes another way from a step on: forget what was recorded there and behind it. Raises: Fenced."""
        message, number = payload
        self.owned(message, host)
        self._m.mail.leave(message, number)

    def owned(self, message: str, host: str) -> Letter:
        """The letter of a turn that is at this life of a host. Raises: Fenced."""
        letter = self._m.mail.letters.get(message)
        if letter is None or letter.host != host:
            raise Fenced(f"turn {message} is not {host}'s any more")
        return letter

    def _check(self, turn: Turn) -> None:
        """Raise what carrying out would raise; and pay."""
        m = self._m
        outgoing = turn.sends
        if outgoing and m.stopped is not None:
            raise SwarmStopped(m.stopped[1], m.stopped[0])
        if turn.writes:
            m.space.check(*self._scatter.split(turn.writes))
        if outgoing:
            self._cashier.pay(outgoing)

    def _carry_out(self, turn: Turn, letter: Letter) -> None:
        m, clerk = self._m, self._clerk
        acted = m.acted_on(letter, turn.acted)
        m.mail.done(turn.message, turn.state)
        if letter.agent in m.mail.flying:
            self._last[letter.agent] = turn.message
        else:
            self._last.pop(letter.agent, None)
        if turn.writes and self._write(turn, letter):
            m.warden.progress(letter.envelope.conversation, m.now, turn.message)
        m.forget(turn.message, acted)
        for sent in turn.sends:
            if isinstance(sent, Series):
                self._press.post_all(sent)
            elif sent.reply_to:
                clerk.reply(sent)
            elif sent.to.startswith(CLIENT + "/"):
                self._outsiders.tell(sent)
            else:
                clerk.admit(sent, None)
        m.end_turn(turn.message, letter.agent)
        m.registry.outcome(letter.agent.partition("/")[0], ok=True, latency_s=turn.seconds)
        m.dispatcher.finished(turn.message, turn.host, letter.agent)

    def _write(self, turn: Turn, letter: Letter) -> bool:
        """Carry out what it wrote, here and on other shards. Returns whether any of it is news."""
        own, far = self._scatter.split(turn.writes)
        return self._m.space.write(own, letter.agent, self._m.now) | self._scatter.send(far, turn, letter)

    def _failed(self, turn: Turn, letter: Letter) -> Any:
        m = self._m
        error = unpack(*turn.error) if turn.error else HandlerFailed("the handler failed")
        if m.stopped is not None or m.treasury.exhausted is not None:
            reason, text = m.stopped or ("budget", str(m.treasury.exhausted))
            raise SwarmStopped(text, reason)
        kind = m.kinds[letter.agent.partition("/")[0]]
        quarantined = letter.envelope.conversation in m.warden.quarantined
        if turn.retry and not quarantined and letter.attempts < kind.attempts:
            m.mail.again(turn.message, str(error), turn.tried)
            m.end_turn(turn.message, letter.agent)
            return [AGAIN, pause_s(letter.attempts - 1), letter.attempts, letter.round]
        m.registry.outcome(kind.name, ok=False, latency_s=turn.seconds)
        reason = "quarantined" if quarantined else "handler failed"
        self._clerk.bury(turn.message, reason, error, turn.trace)
        return [BURIED]
