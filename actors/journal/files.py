"""Where a journal lives: one database file with its companions beside it.

The rule of this file: a path is settled once, absolute and with links resolved, before anything is
created; what cannot work is refused in one line that says what to do. Folders that are created
here are 0700, files are 0600.
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Final, NamedTuple

from stigmergy.protocols.errors import JournalError, UsageError

APPLICATION_ID: Final = 0x53544947  # "STIG", at byte 68 of a database: https://sqlite.org/fileformat.html
# Ray names its session folders so, and deletes them; a runtime_env's working_dir lies in one.
_RAY_SESSION: Final = re.compile(r"session_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_\d+_\d+")


class Files(NamedTuple):
    """The database and its companions: SQLite's write-ahead log, our high-water mark, our lock."""

    database: Path
    wal: Path
    shm: Path
    mark: Path
    lock: Path

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> Files:
        """The files of the journal at ``path``; nothing is touched. Raises: UsageError."""
        database = _resolve(path)
        return cls(database, *(Path(f"{database}{end}") for end in ("-wal", "-shm", ".mark", ".lock")))

    @property
    def folder(self) -> Path:
        """The folder that holds them all."""
        return self.database.parent


def prepare(files: Files) -> None:
    """Make the folder, and refuse a file that is no journal before anything is put beside it.

    Raises: UsageError (the folder), JournalError (the file).
    """
    if files.folder.exists() and not files.folder.is_dir():
        raise UsageError(f"{files.folder} is not a folder; choose another path for the journal")
    try:
        missing = [folder for folder in (files.folder, *files.folder.parents) if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
            sync_folder(folder.parent)
    except OSError as error:
        raise UsageError(
            f"cannot create the folder of journal {files.database}: {_why(error)}; choose another"
        ) from error
    if files.database.exists() and not files.mark.exists() and not is_journal(files.database):
        raise JournalError(f"{files.database} is not a journal of this project; it was left alone, choose another path")


def is_journal(database: Path) -> bool:
    """Whether a database's first 100 bytes are ours. Raises: UsageError."""
    try:
        with database.open("rb") as file:
            header = file.read(100)
    except OSError as error:
        raise UsageError(f"cannot read journal {database}: {_why(error)}") from error
    # With other file-format versions at byte 18 and 19, SQLite would open it without its log, or only to read.
    return (header[:16], header[18:20], header[68:72]) == (
        b"SQLite format 3\0",
        b"\2\2",
        APPLICATION_ID.to_bytes(4, "big"),
    )


def open_private(path: Path, flags: int) -> int:
    """A descriptor of a companion file, created with mode 0600. Raises: UsageError."""
    try:
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise UsageError(f"cannot open {path}: {_why(error)}; choose a folder that this user can write") from error


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable: a new file's own fsync does not (man 2 fsync)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _resolve(path: str | os.PathLike[str]) -> Path:
    text = os.fspath(path)
    if not isinstance(text, str) or not text or "\0" in text:
        raise UsageError(f"{text!r:.80} is not a path for a journal; name a file, for example runs/demo/journal.db")
    try:
        database = Path(os.path.realpath(Path(text).expanduser()))
        mode = database.stat().st_mode if database.exists() else stat.S_IFREG
    except (OSError, RuntimeError) as error:
        raise UsageError(f"cannot use {text!r:.200} for a journal: {_why(error)}; choose another path") from error
    if stat.S_ISDIR(mode) or text.endswith("/"):
        raise UsageError(f"{database} is a folder; name a file in it, for example {database / 'journal.db'}")
    if not stat.S_ISREG(mode):
        raise UsageError(f"{database} is not a regular file; choose another path for the journal")
    if any(_RAY_SESSION.fullmatch(part) for part in database.parts):
        raise UsageError(
            f"journal path {database} lies in a session folder of Ray, which is deleted with the session; "
            f"give an absolute path outside of it"
        )
    return database


def _why(error: BaseException) -> str:
    return getattr(error, "strerror", None) or str(error)
