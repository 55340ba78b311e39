"""Who may write: an advisory lock on a file beside the journal.

The rule of this file: the kernel keeps the lock, so it ends with the process however that ends,
and a file that was left behind locks nobody out. What is written in it only helps people.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from contextlib import suppress
from pathlib import Path

from stigmergy.protocols.errors import JournalError, JournalLocked

from .files import open_private


class WriterLock:
    """Held from construction to `release`. Raises: JournalLocked, UsageError, JournalError."""

    def __init__(self, path: Path) -> None:
        self._file = os.fdopen(open_private(path, os.O_RDWR | os.O_CREAT), "r+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = describe_holder(self._file.read(200))
            self._file.close()
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise JournalLocked(
                    f"journal {path.name.removesuffix('.lock')} in {path.parent} is in use by {holder}; "
                    f"stop that run first, or give this one another folder"
                ) from error
            raise JournalError(f"cannot lock {path}: {error.strerror}; put the journal on a local disk") from error
        self._write(f"{os.getpid()} {socket.gethostname()}\n".encode())

    def release(self) -> None:
        """Let the next writer in."""
        if not self._file.closed:
            self._write(b"")
            self._file.close()

    def _write(self, text: bytes) -> None:
        with suppress(OSError):  # a full disk must not keep anybody from opening the journal
            os.ftruncate(self._file.fileno(), 0)
            os.pwrite(self._file.fileno(), text, 0)


def describe_holder(text: bytes) -> str:
    """What a lock file says, for people: ``process 4711 on host blue``."""
    pid, _, host = text.decode(errors="replace").strip().partition(" ")
    if not pid.isdigit():
        return "another process"
    if host == socket.gethostname() and not _is_alive(int(pid)):
        return f"a child of process {pid}, which itself is gone"
    return f"process {pid} on host {host}"


def is_held_here(path: Path) -> bool:
    """Whether this very process holds the lock at ``path``."""
    try:
        with path.open("rb") as file:
            if file.read(200).split()[:1] != [str(os.getpid()).encode()]:
                return False
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def is_held(path: Path) -> bool:
    """Whether a process of this machine holds the lock at ``path``, by what is written in it."""
    try:
        pid, _, host = path.read_text(encoding="utf-8").strip().partition(" ")
    except (OSError, ValueError):
        return False
    return host == socket.gethostname() and pid.isdigit() and _is_alive(int(pid))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
