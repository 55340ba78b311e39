"""The journal: the one durable thing of a swarm. `Journal` is the port; the rest are stores behind it."""

from .memory import MemoryDisk, MemoryJournal
from .port import Batch, Entry, Journal
from .room import Room
from .sqlite import SqliteJournal
from .view import ReadOnlyJournal

__all__ = ["Batch", "Entry", "Journal", "MemoryDisk", "MemoryJournal", "ReadOnlyJournal", "Room", "SqliteJournal"]
