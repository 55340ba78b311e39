"""The threshold: what is seen to before a message has paid. Who is refused here hears it, and nothing is kept of that.

The rule of this file: a message that leads nowhere passes; the clerk says so, and keeps it as a dead letter.
"""

from __future__ import annotations

from stigmergy.protocols.envelope import Envelope
from stigmergy.protocols.errors import MailboxFull, StigmergyError

from .machines import Machines


def timed(m: Machines, envelope: Envelope, left_s: float | None = None) -> Envelope:
    """What comes with the seconds that its asker still waits, with its deadline by this board's clock.

    That of a turn's ask is no later than that of what the turn handles.
    """
    if left_s is None:
        return envelope
    until, asker = m.now + left_s, m.mail.letters.get(envelope.cause)
    own = 0.0 if asker is None else asker.envelope.deadline
    return envelope._replace(deadline=min(own, until) if own else until)


def check_before_pay(m: Machines, envelope: Envelope, *, outside: bool) -> None:
    """Refuse a caller from outside whose recipient is full, and any whose recipient is not alive and may not be.

    Raises: MailboxFull, BudgetExhausted.
    """
    if not (outside or m.living.counted):
        return
    try:
        agent, pool = m.resolve(envelope.to, envelope.type)
    except StigmergyError:
        return
    if outside:
        _check_room(m, agent or pool)
    if agent and m.living.counted:
        m.living.check(agent, m.living.below(envelope.sender))


def _check_room(m: Machines, address: str) -> None:
    bound = m.kinds[address.partition("/")[0]].mailbox
    if m.mail.waiting(address) >= bound:
        advice = "wait for answers before you send more, or give the kind a larger `mailbox`"
        raise MailboxFull(f"the mailbox of {address} is full ({bound:,} messages): {advice}")
