"""Writers to be run in a process of their own, where they can be killed, starved and lied to.

    python programs.py NAME PATH

Each prints what was acknowledged, one line at a time, and the parent holds the journal to it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import random
import resource
import sys
from functools import cache
from pathlib import Path
from typing import Any

from stigmergy.actors.journal import Journal, Room, SqliteJournal, sqlite
from stigmergy.actors.journal.places import store_of
from stigmergy.protocols.errors import JournalError, StorageFull

NO_RESERVE = Room(min_bytes=0, min_ratio=0.0)
SYSCALLS = {
    "x86_64": {"pwrite64": 18, "fsync": 74, "fdatasync": 75},
    "aarch64": {"pwrite64": 68, "fsync": 82, "fdatasync": 83},
}


@cache
def entry(seq: int) -> tuple[str, dict[str, Any]]:
    """What stands at ``seq`` in every journal written here."""
    return "facts.put", {"n": seq, "blob": random.Random(seq).randbytes(seq % 500)}


def batch(after: int, size: int) -> list[tuple[str, dict[str, Any]]]:
    return [entry(after + 1 + index) for index in range(size)]


def say(*words: object) -> None:
    print(*words, flush=True)


def write_for_ever(path: str) -> None:
    """Say each acknowledged number; move the log often, so that kills fall into that too."""
    sqlite._CHECKPOINT_BYTES = 256 * 2**10  # type: ignore[misc]
    keep_writing(SqliteJournal.open(path, room=NO_RESERVE))


def write_and_note(path: str, durability: str) -> None:
    """Append 200 batches, moving the log now and then; say what was acknowledged in a file beside the journal."""
    sqlite._CHECKPOINT_BYTES = 256 * 2**10  # type: ignore[misc]
    sqlite._SYNC_MARK_EVERY = 16  # type: ignore[misc]
    rng = random.Random(7)
    note = os.open(Path(path).with_name("acked"), os.O_WRONLY | os.O_CREAT, 0o600)
    journal = SqliteJournal.open(path, durability=durability, room=NO_RESERVE)
    epoch = journal.take_epoch()
    for _ in range(200):
        acked = journal.append(batch(journal.last_seq, rng.choice((1, 1, 3, 20))), 1.5, epoch)
        os.pwrite(note, b"%d" % acked, 0)
    os._exit(0)


def write_to_a_server_for_ever(place: str) -> None:
    """The same, in PostgreSQL."""
    keep_writing(store_of(place).open(place))


def keep_writing(journal: Journal) -> None:
    epoch = journal.take_epoch()
    say("epoch", epoch)
    rng = random.Random(epoch)
    while True:
        size = rng.choice((1, 1, 3, 20, 200))
        say("acked", journal.append(batch(journal.last_seq, size), 1.5, epoch))


def append_until_full(journal: SqliteJournal, epoch: int) -> str:
    for _ in range(100_000):
        try:
            say("acked", journal.append(batch(journal.last_seq, 50), 1.5, epoch))
        except StorageFull as error:
            assert [e.data for e in journal.read()] == [data for _, data in batch(0, journal.last_seq)]
            return str(error)
    raise AssertionError("the disk never ran full")


def reach_a_file_size_limit(path: str) -> None:
    """A file may not grow beyond 1 MiB; later it may."""
    journal = SqliteJournal.open(path, room=NO_RESERVE)
    epoch = journal.take_epoch()
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))
    for _ in range(3):
        say("full", append_until_full(journal, epoch))
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    say("acked", journal.append(batch(journal.last_seq, 5000), 1.5, epoch))
    journal.close()


def fill_a_small_disk(path: str) -> None:
    """The disk of PATH holds 6 MiB; one of them is given back when it is full, and one more in the end."""
    ballast = [Path(path).with_name(name) for name in ("one", "two")]
    for file in ballast:
        file.write_bytes(bytes(2**20))
    careful = SqliteJournal.open(path, room=Room(min_bytes=5 * 2**19, min_ratio=0.0))
    say("full", append_until_full(careful, careful.take_epoch()))
    careful.close()
    journal = SqliteJournal.open(path, room=NO_RESERVE)
    epoch = journal.take_epoch()
    for file in ballast[:1]:
        say("full", append_until_full(journal, epoch))
        file.unlink()
        say("acked", journal.append(batch(journal.last_seq, 1), 1.5, epoch))
    say("full", append_until_full(journal, epoch))
    journal.close()
    try:
        journal = SqliteJournal.open(path, room=NO_RESERVE)
    except StorageFull as error:
        say("full", error)
        ballast[1].unlink()
        journal = SqliteJournal.open(path, room=NO_RESERVE)
    assert [e.data for e in journal.read()] == [data for _, data in batch(0, journal.last_seq)]
    say("reopened", journal.last_seq)
    journal.close()


def lose_the_disk(path: str) -> None:
    """Every sync fails from now on."""
    journal = SqliteJournal.open(path, room=NO_RESERVE)
    epoch = journal.take_epoch()
    say("acked", journal.append(batch(0, 3), 1.5, epoch))
    refuse(("fsync", "fdatasync"), errno.EIO)
    for _ in range(2):
        try:
            say("acked", journal.append(batch(journal.last_seq, 5), 1.5, epoch))
        except JournalError as error:
            say("refused", type(error).__name__, error)
    say("read", *(e.seq for e in journal.read()))
    journal.close()


def lose_the_disk_while_moving_the_log(path: str) -> None:
    """The commits are fine, the move of the log into the database is not."""
    journal = SqliteJournal.open(path, durability="process", room=NO_RESERVE)
    epoch = journal.take_epoch()
    say("acked", journal.append(batch(0, 3), 1.5, epoch))
    refuse(("fsync", "fdatasync"), errno.EIO)
    for _ in range(3):
        sqlite._CHECKPOINT_BYTES = 1  # type: ignore[misc]
        try:
            say("acked", journal.append(batch(journal.last_seq, 3), 1.5, epoch))
        except JournalError as error:
            say("refused", type(error).__name__, error)
    journal.close()


def write_to_a_failing_disk(path: str, number: str) -> None:
    """Every write fails from now on, with the given error."""
    journal = SqliteJournal.open(path, room=NO_RESERVE)
    epoch = journal.take_epoch()
    say("acked", journal.append(batch(0, 3), 1.5, epoch))
    refuse(("pwrite64",), int(number))
    try:
        say("acked", journal.append(batch(journal.last_seq, 5), 1.5, epoch))
    except JournalError as error:
        say("refused", type(error).__name__, error)
    say("read", *(e.seq for e in journal.read()))
    journal.close()


class Instruction(ctypes.Structure):
    """``struct sock_filter``, one step of a classic BPF program."""

    _fields_ = [
        ("code", ctypes.c_ushort),
        ("true", ctypes.c_ubyte),
        ("false", ctypes.c_ubyte),
        ("value", ctypes.c_uint),
    ]


class Program(ctypes.Structure):
    """``struct sock_fprog``."""

    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.POINTER(Instruction))]


def refuse(names: tuple[str, ...], number: int) -> None:
    """Make the kernel answer these calls of this process with an error, until it ends (man 2 seccomp)."""
    load, equals, answer = 0x20, 0x15, 0x06
    steps = [Instruction(load, 0, 0, 0)]
    for name in names:
        steps += [
            Instruction(equals, 0, 1, SYSCALLS[platform.machine()][name]),
            Instruction(answer, 0, 0, 0x0005_0000 | number),
        ]
    steps.append(Instruction(answer, 0, 0, 0x7FFF_0000))
    program = Program(len(steps), (Instruction * len(steps))(*steps))
    libc = ctypes.CDLL(None, use_errno=True)
    no_new_privileges, set_seccomp, filter_mode = 38, 22, 2
    if libc.prctl(no_new_privileges, 1, 0, 0, 0) or libc.prctl(set_seccomp, filter_mode, ctypes.byref(program), 0, 0):
        say("unsupported", os.strerror(ctypes.get_errno()))
        sys.exit(0)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
