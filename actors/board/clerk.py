"""The clerk decides about every message that wants in.

It is accepted, or refused with a typed error, or dead-lettered with a reason; nothing is dropped
silently.
"""

from __future__ import annotations

from heapq import heappop, heappush

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import (
    BudgetExhausted,
    DeadlineExceeded,
    DeliveryError,
    Quarantined,
    StigmergyError,
    SwarmStopped,
)
from stigmergy.protocols.turn import DONE

from ..watchdog.sightings import Action, Verdict
from .answers import error_answer
from .dead_letters import DeadLetters, Death
from .living import FULL
from .machines import CLIENT, Machines
from .workitems import Lapse


class Clerk:
    """Admits, answers and buries messages."""

    def __init__(self, machines: Machines) -> None:
        self._m = machines
        self.dead_letters = DeadLetters(machines.space.topics, machines.exchange)
        self.accepted = 0
        """Messages accepted since this board opened."""
        self._deadlines: list[tuple[float, str]] = []

    # -- in ----------------------------------------------------------------------------------

    def admit(self, envelope: Envelope, step: tuple[int, str] | None) -> StigmergyError | None:
        """Accept a message that was paid for; what is returned says why not. A repeat is fine."""
        m = self._m
        self._show(envelope)
        error = self.is_barred(envelope) if m.warden.quarantined else None
        if error is not None:
            return error
        try:
            agent, pool = m.resolve(envelope.to, envelope.type)
        except StigmergyError as why:
            return self._refuse(envelope, "undeliverable", why)
        if agent and agent != envelope.to:
            envelope = envelope._replace(to=agent)
        kept: dict[str, int] = {}
        if m.living.counted:
            depth = m.living.below(envelope.sender)
            error = self.enter(envelope, agent, depth) if agent else None
            if error is not None:
                return error
            kept = {} if agent else {"depth": depth}
        shard = m.elsewhere(agent or pool)
        if shard is None:
            if not self._take_in(envelope, agent, pool, step, **kept):
                return None
        else:
            if step is not None:
                m.mail.ask(envelope, step)
            m.exchange.put(shard, "letter", envelope.to_wire(), envelope.sender)
        if agent and step is not None:
            self.watch_wait(envelope, agent)
        return None

    def enter(self, envelope: Envelope, agent: str, depth: int) -> BudgetExhausted | None:
        """See to it that the agent of a message is alive, so deep if it was not; else the message is a dead letter."""
        try:
            self._m.living.enter(agent, depth)
        except BudgetExhausted as full:
            self._refuse(envelope, FULL, full)
            return full
        return None

    def receive(self, envelope: Envelope, **kept: bool) -> None:
        """Take in a message from another shard, which has judged it and charged it. See `Mail.accept`."""
        m = self._m
        error = self.is_barred(envelope)
        if error is None:
            try:
                agent, pool = m.resolve(envelope.to, envelope.type)
            except StigmergyError as why:
                error = self._refuse(envelope, "undeliverable", why)
            else:
                self._take_in(envelope, agent, pool, None, **kept)
        shard = m.elsewhere(envelope.sender)
        if error is not None and envelope.mode == "ask" and shard is not None:
            m.exchange.put(shard, "reply", error_answer(envelope, error).to_wire())

    def is_barred(self, envelope: Envelope) -> StigmergyError | None:
        """The error that a message of a quarantined conversation is refused with; None for all others."""
        why = self._m.warden.quarantined.get(envelope.conversation)
        if why is None:
            return None
        return self._refuse(envelope, "quarantined", Quarantined(f"conversation was quarantined: {why}"))

    def _take_in(self, envelope: Envelope, agent: str, pool: str, step: tuple[int, str] | None, **kept: int) -> bool:
        m = self._m
        news = m.mail.accept(envelope, pool, m.now, step, **kept)
        if news:
            self.accepted += 1
            m.dispatcher.stir(agent or pool)
            if envelope.deadline > 0:  # NaN at the top of the heap would keep all others waiting
                heappush(self._deadlines, (envelope.deadline, envelope.id))
        return news

    def _show(self, envelope: Envelope) -> None:
        verdict = self._m.warden.see(envelope, self._m.now)
        if verdict is not None:
            self.carry_out(verdict)

    def reply(self, envelope: Envelope) -> None:
        """Send an answer to whoever asked."""
        if envelope.mode == "reply":
            self._show(envelope)
        shard = self._m.elsewhere(envelope.to)
        if shard is None:
            self.answer(envelope)
        elif self._m.mail.answered(envelope.reply_to):
            self._m.exchange.put(shard, "reply", envelope.to_wire(), envelope.sender)
        else:
            self._too_late(envelope)

    def answer(self, envelope: Envelope) -> None:
        """Bring an answer to whoever asked, and waits here."""
        m = self._m
        turn = m.mail.reply(envelope)
        if turn is None:
            self._too_late(envelope)
            return
        self.accepted += 1
        if turn:
            m.warden.answered(envelope.to, envelope.sender)
            letter = m.mail.letters[turn]
            if letter.host:
                m.outbox.tell(letter.host, "reply", [letter.agent, envelope.reply_to, envelope.to_wire()])
        else:
            m.warden.finished(envelope.conversation)
            m.treasury.finished(envelope.conversation)
            m.outbox.tell(envelope.to, "reply", [envelope.to, envelope.reply_to, envelope.to_wire()])

    def answer_again(self, ask: Envelope, number: int, key: str) -> bool:
        """Whether a turn that asks has its answer already: it came while the turn began anew. Then it is told again."""
        letter = self._m.mail.letters.get(ask.cause)
        step = None if letter is None else letter.steps.get(number)
        if letter is None or step is None or (step.key, step.outcome) != (key, DONE):
            return False
        self._m.outbox.tell(letter.host, "reply", [letter.agent, ask.id, step.result])
        return True

    def watch_wait(self, ask: Envelope, asked: str) -> None:
        """Tell the watchdog who waits for whom."""
        if not ask.sender.startswith(CLIENT + "/"):
            verdict = self._m.warden.waits(ask.sender, asked, ask.conversation, self._m.now)
            if verdict is not None:
                self.carry_out(verdict)

    # -- out ---------------------------------------------------------------------------------

    def bury(self, message: str, reason: str, error: StigmergyError, trace: str = "") -> None:
        """End a letter that no attempt will finish, and tell whoever asked. The traceback stays with the letter."""
        m = self._m
        letter = m.mail.letters[message]
        host = letter.host
        acted = list(m.exchange.lanes) if letter.attempts else ()
        m.mail.dead(message, reason, str(error))
        m.forget(message, acted)
        detail = f"{error}\n{trace}" if trace else str(error)
        death = Death(reason, detail, letter.at, letter.attempts, letter.agent or letter.pool)
        self.dead_letters.post(letter.envelope, death, m.now)
        m.end_turn(message, letter.agent)
        m.dispatcher.finished(message, host, letter.agent or letter.pool)
        m.release((letter.agent,))
        m.outbox.event(
            "dead_letter",
            {"to": letter.agent or letter.pool, "type": letter.envelope.type, "reason": reason, "detail": str(error)},
        )
        if letter.envelope.mode == "ask":
            self.answer_error(letter.envelope, error, letter.agent)

    def bury_if_deadly(self, message: str, cause: str) -> bool:
        """End a letter whose host died under it on its last attempt, for that cause."""
        m = self._m
        letter = m.mail.letters[message]
        if letter.attempts < m.kinds[letter.agent.partition("/")[0]].attempts:
            return False
        times = f"{letter.attempts} times" if letter.attempts > 1 else "once"
        what = f"{letter.envelope.type} killed its host {times} at {letter.agent}; the last time: {cause}"
        self.bury(message, "killed its host", DeliveryError(what))
        return True

    def lapsed(self, lapse: Lapse) -> None:
        """Tell that a work item died: its last holder's lease ended unfinished."""
        detail = f"item {lapse.item!r} of queue {lapse.queue!r} was lost by {lapse.worker} on its last attempt"
        self.dead_letters.item(lapse.queue, lapse.item, detail, self._m.now)
        self._m.outbox.event(
            "dead_letter", {"to": lapse.queue, "type": "claim", "reason": "work item died", "detail": detail}
        )

    def answer_error(self, ask: Envelope, error: StigmergyError, answerer: str = "") -> None:
        """Answer an ask with an error, in the name of the agent that had it."""
        if ask.id in self._m.mail.asks:
            self.reply(error_answer(ask, error, answerer))

    def _too_late(self, envelope: Envelope) -> None:
        now = self._m.now
        self.dead_letters.post(envelope, Death("late answer", "nobody waits for it any more", now, 1), now)

    def carry_out(self, verdict: Verdict) -> None:
        """Do what the watchdog says."""
        m = self._m
        m.outbox.event("verdict", verdict.to_plain())
        if verdict.action == Action.STOP:
            self.stop("loop", f"{verdict.reason}: {verdict.exchange}")
        elif verdict.action == Action.QUARANTINE:
            m.exchange.tell_all("verdict", verdict.to_plain())
            self.quarantine(verdict)

    def stop(self, reason: str, text: str) -> None:
        """Stop the swarm: nothing new is accepted or dispatched; what hosts have may still finish."""
        m = self._m
        if m.stopped is None:
            m.do("swarm.stop", {"reason": reason, "text": text})
            if m.place.is_lead:
                m.exchange.tell_all("stop", [reason, text])
            m.outbox.event("stopped", {"reason": reason, "text": text})
            for parked in m.treasury.give_up():
                m.outbox.fail(parked.peer, parked.ticket, SwarmStopped(text, reason))

    def go_on(self) -> None:
        """A driver has come back, and with it the swarm."""
        m = self._m
        if m.stopped is not None:
            m.do("swarm.resume", {})
        m.treasury.exhausted = None
        if m.place.is_lead:
            m.exchange.tell_all("go on", None)
        m.dispatcher.stir_all()

    def quarantine(self, verdict: Verdict) -> None:
        """Bury what a conversation has waiting, and end the waits of its turns."""
        m = self._m
        error = Quarantined(f"conversation was quarantined ({verdict.reason}): {verdict.exchange}")
        for message, letter in list(m.mail.letters.items()):
            if letter.envelope.conversation == verdict.conversation:
                if letter.waits:
                    self.bury(message, "quarantined", error)
                elif letter.envelope.mode == "ask":
                    self.answer_error(letter.envelope, error, letter.agent)

    def _refuse(self, envelope: Envelope, reason: str, error: StigmergyError) -> StigmergyError:
        self.dead_letters.post(envelope, Death(reason, str(error), self._m.now), self._m.now)
        self._m.outbox.event(
            "dead_letter", {"to": envelope.to, "type": envelope.type, "reason": reason, "detail": str(error)}
        )
        return error

    # -- time --------------------------------------------------------------------------------

    def rearm(self, envelope: Envelope) -> None:
        """A request that waits was repeated from outside: its caller waits until the new deadline."""
        if envelope.deadline > 0:
            self._m.mail.rearm(envelope.id, envelope.deadline)
            heappush(self._deadlines, (envelope.deadline, envelope.id))

    def wake(self) -> None:
        """After a replay: time counts anew for what is open, but not for what was asked, or asked again, since."""
        self._m.mail.wake(self._m.now, {message for _, message in self._deadlines})
        for message, letter in self._m.mail.letters.items():
            if letter.envelope.deadline > 0:
                heappush(self._deadlines, (letter.envelope.deadline, message))

    def expire(self) -> None:
        """End the letters whose deadline has passed, and the waits for those that hosts still have."""
        m = self._m
        while self._deadlines and self._deadlines[0][0] <= m.now:
            _, message = heappop(self._deadlines)
            letter = m.mail.letters.get(message)
            if letter is None or not 0 < letter.envelope.deadline <= m.now:
                continue  # it has ended, or has another deadline by now
            late = DeadlineExceeded(f"{letter.agent or letter.pool} did not answer before the deadline")
            if letter.waits:
                self.bury(message, "deadline", late)
            else:
                self.answer_error(letter.envelope, late, letter.agent)
