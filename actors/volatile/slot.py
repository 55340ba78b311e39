"""Slots and parts: an agent's place in a host, and what all agents of its kind share."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from stigmergy.protocols.errors import MailboxFull
from stigmergy.protocols.kind import KindSpec
from stigmergy.protocols.message import Message

from .allowance import Allowance
from .letter import Letter


@dataclass(slots=True)
class Act:
    """One handler, ready to be called: ``function(agent, message, context)``, or without the context."""

    name: str
    function: Callable[..., Any]
    takes_context: bool
    suspends: bool
    """It is a coroutine function. A plain one runs where it stands."""
    returns: type[Message] | None
    """The class that it is annotated to return."""


Quick = tuple[Callable[[Any, Any, Any], Any], type[Message] | None, str]
"""A plain handler as ``function(agent, message, context)``; the class it is annotated to return; the type it takes."""


class Part:
    """One kind as a host runs it."""

    __slots__ = (
        "acts",
        "allowance",
        "bound",
        "make",
        "pack",
        "plain",
        "pool",
        "quick",
        "reentrant",
        "restore",
        "save",
        "spec",
        "start",
        "stop",
        "unpack",
    )

    def __init__(
        self, spec: KindSpec, acts: dict[type[Message], Act], make: Callable[[str], Any], allowance: Allowance
    ) -> None:
        """``make(name)`` is a new agent."""
        self.spec = spec
        self.acts = acts
        self.make = make
        self.plain = not any(act.suspends for act in acts.values())
        """No handler of it is a coroutine: an ask may be answered where it stands."""
        self.quick: dict[type[Message], Quick] = {
            cls: _quick(cls, act) for cls, act in acts.items() if not act.suspends
        }
        """Plain handlers, all to be called alike."""
        self.allowance = allowance
        self.reentrant = spec.reentrant
        self.bound = spec.mailbox
        self.start: Callable[[Any], Awaitable[None]] | None = None
        """What an agent does before its first message, if anything."""
        self.stop: Callable[[Any], Awaitable[Any]] | None = None
        """What an agent does before it moves, and when its host closes, if anything; it raises nothing."""
        self.save: Callable[[Any], Any] | None = None
        """Takes a copy of an agent's state before a turn; None when there is no state."""
        self.restore: Callable[[Any, Any], None] | None = None
        self.pack: Callable[[Any], bytes] | None = None
        """An agent's state as it goes to another host."""
        self.unpack: Callable[[Any, bytes], None] | None = None
        self.pool = Pool()


def _quick(cls: type[Message], act: Act) -> Quick:
    function = act.function
    call = function if act.takes_context else lambda agent, message, _: function(agent, message)
    return call, act.returns, cls.message_type


class Pool:
    """Who shares the messages that are addressed to a kind, and which of them wait for someone to be free."""

    __slots__ = ("members", "waiting")

    def __init__(self) -> None:
        self.members: list[Any] = []
        """Slots, and places on other hosts."""
        self.waiting: deque[Letter] = deque()


class Seat:
    """The fields of a `Slot` that each message needs.

    They lie side by side: in a crowd of a million, each line of memory that a message touches costs it 0.1 us or more.
    """

    __slots__ = ("agent", "busy", "mail", "name", "part", "pooled", "sent")


class Slot(Seat):
    """One agent's place. The agent is made with its first message, a mailbox when a message must wait."""

    __slots__ = ("draws", "inbox", "kept", "last_place", "last_to", "leaving", "moved", "notes", "reserved", "room")

    last_to: str
    """The address that it told last, in lockstep,"""
    last_place: Slot
    """and who lives there. Only the loop in C knows of these two."""

    def __init__(self, name: str, part: Part) -> None:
        self.name = name
        self.part = part
        self.agent: Any = None
        self.busy = False
        """It is in the middle of a turn, or of what follows one."""
        self.mail: deque[Letter] | None = None
        self.sent = 0
        """Letters that it has sent: each is numbered."""
        self.draws = 0
        """State of its random stream; 0 before the first draw."""
        self.inbox: Letter | list[Letter] | None = None
        """What it gets in the next round, in lockstep; one letter needs no list."""
        self.notes: Any = None
        """Where it is noted what it was given, in lockstep; see `Digest`."""
        self.room: list[asyncio.Future[None]] | None = None
        """Senders that wait until its mailbox has room."""
        self.kept: bytes | None = None
        """The state that it brings along from another host."""
        self.leaving = False
        """It is to go to another host, and begins nothing new."""
        self.moved: Any = None
        """Where it is now, once it has gone."""
        self.pooled = False
        """It also takes what is addressed to its kind."""
        self.reserved = False
        """A letter of its pool is on its way to it."""

    def receives(self, letter: Letter) -> bool:
        """Put a letter into its inbox. Returns whether it is the first."""
        inbox = self.inbox
        if inbox is None:
            self.inbox = letter
            return True
        if isinstance(inbox, list):
            inbox.append(letter)
        else:
            self.inbox = [inbox, letter]
        return False

    def received(self) -> list[Letter]:
        """Take out what is in its inbox."""
        inbox, self.inbox = self.inbox, None
        return inbox if isinstance(inbox, list) else [] if inbox is None else [inbox]

    def enters(self) -> bool:
        """Make the agent, if that needs no waiting and nothing fails; otherwise its turn makes it, and fails."""
        if self.part.start is not None:
            return False
        try:
            self.settle(self.made())
        except BaseException:  # noqa: BLE001 - whatever it is, the turn meets it again
            return False
        return self.agent is not None

    def made(self) -> Any:
        """A new agent, with the state that it has brought along. Another one gets the same until one settles."""
        agent = self.part.make(self.name)
        if self.kept is not None and self.part.unpack is not None:
            self.part.unpack(agent, self.kept)
        return agent

    def settle(self, agent: Any) -> None:
        """This agent lives here from now on, and nobody else needs the state that was brought along."""
        self.agent, self.kept = agent, None

    def wait(self, letter: Letter) -> None:
        """Keep a letter for later, or send it on."""
        if self.moved is not None:
            self.moved.put(letter)
            return
        if self.mail is None:
            self.mail = deque()
        self.mail.append(letter)

    def take(self) -> Letter | None:
        """The next letter that waits; senders that wait for room are let go."""
        mail = self.mail
        if mail is None or self.leaving:
            return None
        letter = mail.popleft()
        if not mail:
            self.mail = None
        if self.room is not None and len(mail) < self.part.bound:
            self.make_room()
        return letter

    def make_room(self) -> None:
        """Senders that wait look again."""
        room, self.room = self.room, None
        for sender in room or ():
            if not sender.done():
                sender.set_result(None)

    @property
    def full(self) -> bool:
        """Whether its mailbox is at its bound."""
        return self.mail is not None and len(self.mail) >= self.part.bound

    def wants_room(self) -> asyncio.Future[None]:
        """Done when there is room for another letter, perhaps."""
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.room = [*(self.room or ()), waiting]
        return waiting

    def refusal(self) -> MailboxFull:
        """What a caller from outside hears when it is."""
        advice = "wait for answers before you send more, or give the kind a larger `mailbox`"
        return MailboxFull(f"the mailbox of {self.name} is full ({self.part.bound:,} messages): {advice}")
