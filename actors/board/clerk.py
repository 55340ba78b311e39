"""The clerk decides about every message that wants in.

It is accepted, or refused with a typed error, or dead-lettered with a reason; nothing is dropped
silently.
"""

from __future__ import annotations

from heapq import heappop, heappush

from stigmergy.protocols.codec import pack as pack_plain
from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import (
    BudgetExhausted,
    DeadlineExceeded,
    DeliveryError,
    MailboxFull,
    Quarantined,
    StigmergyError,
    SwarmStopped,
    pack,
)
from stigmergy.protocols.ids import derive_id

from ..ledger.paths import ROOT
from ..watchdog.sightings import Action, Verdict
from .claims import Lapse
from .dead_letters import DeadLetters, Death
from .machines import CLIENT, Machines


class Clerk:
    """Admits, answers and buries messages."""

    def __init__(self, machines: Machines) -> None:
        self._m = machines
        self.dead_letters = DeadLetters(machines.space.topics)
        self.accepted = 0
        """Messages accepted since this board opened."""
        self._deadlines: list[tuple[float, str]] = []

    # -- in ----------------------------------------------------------------------------------

    def pay(self, envelopes: tuple[Envelope, ...]) -> None:
        """Charge all messages to their senders' accounts, or none.

        Raises: BudgetExhausted; SwarmStopped when the account was the swarm's own.
        """
        m = self._m
        if not envelopes:
            return
        try:
            m.treasury.charge(_counted(envelopes), m.now)
        except BudgetExhausted:
            if m.treasury.exhausted is not None:
                raise SwarmStopped(str(m.treasury.exhausted), "budget") from None
            raise

    def check_room(self, envelope: Envelope) -> None:
        """Refuse a caller from outside whose recipient is full, before it has paid. Raises: MailboxFull."""
        m = self._m
        try:
            agent, pool = m.resolve(envelope.to, envelope.type)
        except StigmergyError:
            return  # `admit` says so
        address = agent or pool
        bound = m.kinds[address.partition("/")[0]].mailbox
        if m.mail.waiting(address) >= bound:
            raise MailboxFull(f"the mailbox of {address} is full ({bound:,} messages); send more slowly")

    def admit(self, envelope: Envelope, step: tuple[int, str] | None) -> StigmergyError | None:
        """Accept a message that was paid for; what is returned says why not. A repeat is fine."""
        m = self._m
        verdict = m.warden.see(envelope, m.now)
        if verdict is not None:
            self.carry_out(verdict)
        if envelope.conversation in m.warden.quarantined:
            why = m.warden.quarantined[envelope.conversation]
            return self._refuse(envelope, "quarantined", Quarantined(f"conversation was quarantined: {why}"))
        try:
            agent, pool = m.resolve(envelope.to, envelope.type)
        except StigmergyError as error:
            return self._refuse(envelope, "undeliverable", error)
        address = agent or pool
        if agent and agent != envelope.to:
            envelope = envelope._replace(to=agent)
        if m.mail.accept(envelope, pool, m.now, step):
            self.accepted += 1
            m.dispatcher.stir(address)
            if envelope.deadline:
                heappush(self._deadlines, (envelope.deadline, envelope.id))
            if agent and step is not None:
                self.watch_wait(envelope, agent)
        return None

    def post(self, envelopes: list[Envelope]) -> None:
        """Put messages of one sender on their topic, and into the mail of everybody who follows it."""
        m = self._m
        passed: list[Envelope] = []
        for envelope in envelopes:
            verdict = m.warden.see(envelope, m.now)
            if verdict is not None:
                self._publish(passed)  # what came before it is in the mail, where a verdict finds it
                passed = []
                self.carry_out(verdict)
            if envelope.conversation in m.warden.quarantined:
                why = m.warden.quarantined[envelope.conversation]
                self._refuse(envelope, "quarantined", Quarantined(f"conversation was quarantined: {why}"))
            else:
                passed.append(envelope)
        self._publish(passed)

    def _publish(self, envelopes: list[Envelope]) -> None:
        m = self._m
        if not envelopes:
            return
        topic, writer = envelopes[0].to, envelopes[0].sender
        posts = [(envelope.id, pack_plain(envelope)) for envelope in envelopes]
        news = frozenset(m.space.topics.post_all(topic, posts, writer, m.now))
        members = m.space.topics.members(topic, "agents")
        for envelope in envelopes if members else ():
            followers = [f for f in members if self._takes(f, envelope)] if envelope.id in news else []
            if followers:
                m.mail.fan(envelope, followers, m.now)
                self.accepted += len(followers)
                for address in followers:
                    m.dispatcher.stir(address)

    def reply(self, envelope: Envelope) -> None:
        """Bring an answer to whoever asked."""
        m = self._m
        verdict = m.warden.see(envelope, m.now) if envelope.mode == "reply" else None
        if verdict is not None:
            self.carry_out(verdict)
        turn = m.mail.reply(envelope)
        if turn is None:
            self.dead_letters.post(envelope, Death("late answer", "nobody waits for it any more", m.now, 1), m.now)
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
        m.mail.dead(message, reason, str(error))
        m.space.forget(message)
        detail = f"{error}\n{trace}" if trace else str(error)
        death = Death(reason, detail, letter.at, letter.attempts, letter.agent or letter.pool)
        self.dead_letters.post(letter.envelope, death, m.now)
        m.end_turn(message, letter.agent)
        m.dispatcher.finished(message, host, letter.agent, letter.pool)
        m.outbox.event(
            "dead_letter",
            {"to": letter.agent or letter.pool, "type": letter.envelope.type, "reason": reason, "detail": str(error)},
        )
        if letter.envelope.mode == "ask":
            self.answer_error(letter.envelope, error, letter.agent)

    def bury_if_deadly(self, message: str) -> bool:
        """End a letter whose host died under it on its last attempt."""
        m = self._m
        letter = m.mail.letters[message]
        if letter.attempts < m.kinds[letter.agent.partition("/")[0]].attempts:
            return False
        what = f"{letter.envelope.type} killed its host {letter.attempts} times at {letter.agent}"
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
        if ask.id not in self._m.mail.asks:
            return
        name, arguments = pack(error)
        self.reply(
            Envelope(
                id=derive_id(ask.id, "error"),
                mode="error",
                type=name,
                sender=answerer or ask.to,
                to=ask.sender,
                body=pack_plain(arguments),
                conversation=ask.conversation,
                cause=ask.id,
                reply_to=ask.id,
                trace=ask.trace,
                hops=ask.hops,
                taint=ask.taint,
            )
        )

    def carry_out(self, verdict: Verdict) -> None:
        """Do what the watchdog says."""
        m = self._m
        m.outbox.event("verdict", verdict.to_plain())
        if verdict.action == Action.STOP:
            self.stop("loop", f"{verdict.reason}: {verdict.exchange}")
        elif verdict.action == Action.QUARANTINE:
            self._quarantine(verdict)

    def stop(self, reason: str, text: str) -> None:
        """Stop the swarm: nothing new is accepted or dispatched; what hosts have may still finish."""
        m = self._m
        if m.stopped is None:
            m.do("swarm.stop", {"reason": reason, "text": text})
            m.outbox.event("stopped", {"reason": reason, "text": text})
            for parked in m.treasury.give_up():
                m.outbox.fail(parked.peer, parked.ticket, SwarmStopped(text, reason))

    def _quarantine(self, verdict: Verdict) -> None:
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

    def _takes(self, follower: str, envelope: Envelope) -> bool:
        kind = self._m.kinds.get(follower.partition("/")[0])
        return kind is not None and kind.takes(envelope.type) and follower != envelope.sender

    # -- time --------------------------------------------------------------------------------

    def rearm(self, envelope: Envelope) -> None:
        """A request that waits was repeated from outside: its caller waits until the new deadline."""
        if envelope.deadline:
            self._m.mail.rearm(envelope.id, envelope.deadline)
            heappush(self._deadlines, (envelope.deadline, envelope.id))

    def wake(self) -> None:
        """After a replay: time counts anew for what is open, but not for what was asked, or asked again, since."""
        self._m.mail.wake(self._m.now, {message for _, message in self._deadlines})
        for message, letter in self._m.mail.letters.items():
            if letter.envelope.deadline:
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


def account_of(envelope: Envelope) -> str:
    """Who pays for a message: the account it names, else its sender's kind."""
    return envelope.account or f"{ROOT}/kind:{envelope.sender.partition('/')[0]}"


def _counted(envelopes: tuple[Envelope, ...]) -> dict[str, int]:
    """How many messages each account pays for."""
    counts: dict[str, int] = {}
    for envelope in envelopes:
        account = account_of(envelope)
        counts[account] = counts.get(account, 0) + 1
    return counts
