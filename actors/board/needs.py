"""Needs: what must be handled before some turns can end. No I/O.

A turn ends when its asks are answered. An agent handles its mail in order, so before an ask comes what lies ahead of
it; and the turns of all these need in their turn what they have asked. Of a pool any member may take the ask, so what
all of them have now must end.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .mailbag import Mailbag


def needed(mail: Mailbag, turns: Iterable[str]) -> set[str]:
    """The letters that must be handled before these turns can end; what another shard holds is not among them."""
    found: set[str] = set()
    todo = list(turns)
    while todo:
        turn = todo.pop()
        letter = mail.letters.get(turn)
        for ask in () if letter is None else letter.asks:
            if mail.asks.get(ask, ("",))[0] != turn:
                continue  # answered, or given up
            new = set(_until(mail, ask)) - found
            found |= new
            todo += new
    return found


def _until(mail: Mailbag, ask: str) -> Iterator[str]:
    """An ask, and what its agent or pool handles before."""
    letter = mail.letters.get(ask)
    if letter is None:
        return
    yield ask
    if letter.agent:
        yield from mail.flying.get(letter.agent, ())
        for message in mail.boxes.get(letter.agent, ()) if letter.waits else ():
            if message == ask:
                return
            yield message
    else:
        for agent, flying in mail.flying.items():
            if agent.startswith(f"{letter.pool}/pool."):
                yield from flying
