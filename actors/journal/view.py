"""A journal to look into: whichever store it lies in, as it was at one moment.

The rule of this file: nothing here can write. Whoever opens one has checked it first, says what is
wrong with it, and serves only what stands before the damage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NoReturn, TypeAlias

from stigmergy.protocols.errors import JournalError

from .port import Batch, Entry
from .records import Audit

Reader: TypeAlias = Callable[[int, int, str | tuple[str, ...]], Iterator[Entry]]
"""Checked entries with ``after < seq <= until`` whose kind has one of these beginnings."""


class ReadOnlyJournal:
    """A `Journal` that refuses to be written. Make one with `places.open_view` or ``open_readonly`` of a store.

    ``damage`` says what is wrong with it; empty when nothing is.
    """

    def __init__(self, found: Audit, epoch: int, read: Reader, close: Callable[[], None]) -> None:
        self.damage = found.damage
        self._tail = found.tail
        self._epoch = epoch
        self._read = read
        self._close = close
        self._closed = False

    @property
    def last_seq(self) -> int:
        """Number of the newest entry; 0 when there is none."""
        return self._tail.seq

    @property
    def epoch(self) -> int:
        """The newest epoch that anybody had taken; 0 when nobody had."""
        return self._epoch

    def digest(self) -> str:
        """32 hex digits over every ``(kind, data)``."""
        return self._tail.chain.hex()

    def read(self, after: int = 0, kinds: str | tuple[str, ...] = "") -> Iterator[Entry]:
        """As `Journal.read`."""
        if self._closed:
            raise JournalError("this view of a journal is closed; open it again")
        return self._read(after, self._tail.seq, kinds)

    def append(self, batch: Batch, at: float, epoch: int) -> NoReturn:  # noqa: ARG002 - the port's signature
        """Refused. Raises: JournalError."""
        raise JournalError("this view of a journal is for reading; open the journal itself to write")

    def take_epoch(self) -> NoReturn:
        """Refused. Raises: JournalError."""
        raise JournalError("this view of a journal is for reading; open the journal itself to write")

    def close(self) -> None:
        """Let go of what it was read from; closing twice is fine."""
        if not self._closed:
            self._closed = True
            self._close()
